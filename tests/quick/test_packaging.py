"""What is published says of itself only what is true."""

from __future__ import annotations

import ast
import functools
import importlib.metadata
import re
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from packaging.requirements import Requirement

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")


def declared(extra: str = "") -> dict[str, Requirement]:
    """Give what the installed package needs, of an extra or at all, by distribution."""
    wanted = map(Requirement, importlib.metadata.requires("incumbent") or [])
    return {
        one.name: one
        for one in wanted
        if (one.marker.evaluate({"extra": extra}) if one.marker else not extra)
    }


@functools.cache
def imported() -> set[str]:
    """Give the top names of what the shipped code imports and neither it nor Python brings."""
    found = set()
    for folder in ("lifecycle", "server", "cli"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Import):
                    found |= {alias.name.partition(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and not node.level:
                    found.add(str(node.module).partition(".")[0])
    return found - sys.stdlib_module_names - {"incumbent"}


@functools.cache
def installed() -> Mapping[str, list[str]]:
    return importlib.metadata.packages_distributions()


def distributions(names: set[str]) -> set[str]:
    brings = installed()
    return {one.lower() for name in names for one in brings[name]}


def test_what_the_shipped_code_imports_is_declared():
    of_the_sdk = {"mcp", "mcp-types", "anyio"}  # what server/mcp imports once `mcp` is there
    theirs = {"pytest"}  # lifecycle/testing.py is loaded by it alone
    assert "mcp" in declared("mcp")
    assert distributions(imported()) - of_the_sdk - theirs <= set(declared()) | set(
        declared("reload")
    )


def test_what_is_declared_is_imported_by_the_shipped_code():
    assert set(declared()) <= distributions(imported())


@pytest.mark.parametrize("extra", ["", "mcp", "reload", "test"])
def test_the_pinned_versions_are_those_that_the_ranges_allow(extra):
    lines = (ROOT / "constraints.txt").read_text("utf-8").split()
    pinned = dict(line.split("==") for line in lines)
    for name, wanted in declared(extra).items():
        assert wanted.specifier.contains(pinned[name]), wanted


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_relative_link_leads_to_a_file(page):
    for link in LINK.findall(page.read_text("utf-8")):
        assert (page.parent / link).exists(), link


def test_an_index_page_has_no_relative_link():
    page = str(importlib.metadata.metadata("incumbent").json["description"])
    assert "Exactly one background worker" in page
    assert LINK.findall(page) == []


def test_every_link_of_an_index_page_into_the_repository_leads_to_a_file():
    published = importlib.metadata.metadata("incumbent")
    homes = [url.split(", ")[1] for url in published.get_all("Project-URL") or []]
    home = min(homes, key=len)
    assert all(url.startswith(home) for url in homes)
    page = str(published.json["description"])
    leads = re.findall(rf"\]\({re.escape(home)}/(?:blob|raw)/main/([^)#]+)", page)
    assert leads
    assert [path for path in leads if not (ROOT / path).exists()] == []


@pytest.mark.slow
def test_the_source_distribution_holds_what_a_contributor_needs(tmp_path):
    make = [sys.executable, "-m", "hatchling", "build", "--target", "sdist", "-d", str(tmp_path)]
    subprocess.run(make, cwd=ROOT, check=True, capture_output=True)
    (made,) = tmp_path.iterdir()
    with tarfile.open(made) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    wanted = ("tests", "docs", "diagrams", "lifecycle", "server", "cli")
    here = {
        str(path.relative_to(ROOT))
        for folder in wanted
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    tops = {"Makefile", "constraints.txt", "LICENSE", "README.md", "CHANGELOG.md", "SECURITY.md"}
    assert here | tops <= held
    assert not [name for name in held if name.startswith((".venv", ".git/", "build", "dist"))]
