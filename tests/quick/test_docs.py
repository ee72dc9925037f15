"""The docs are held true: what the code and the pages cite is where they say it is."""

from __future__ import annotations

import ast
import functools
import itertools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from incumbent.cli.command_table import COMMANDS
from incumbent.lifecycle import Health, Worker, data_dir, settings_file
from incumbent.lifecycle.client.deliver import EVENTS_PATH
from incumbent.lifecycle.client.proof import MCP_PATH, PROVE_AGAIN
from incumbent.lifecycle.machine import states
from incumbent.lifecycle.machine.old_trace import in_words_of_today
from incumbent.lifecycle.machine.tables import MACHINES
from incumbent.lifecycle.posix.child_environment import FIRST_NAMES
from incumbent.server.http import answers, endpoints, proving
from tests.docs import python_api
from tests.proof.coverage import INVARIANTS

ROOT = Path(__file__).parents[2]
PROTOCOL = (ROOT / "docs" / "protocol.md").read_text()
README = (ROOT / "README.md").read_text()
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text()
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
PLACES = ("lifecycle", "server", "cli", "tests", "docs", "diagrams")
HEADINGS = {int(number) for number in re.findall(r"^#### Rule (\d+):", PROTOCOL, re.M)}


def cited() -> dict[int, str]:
    """Give each rule that is cited anywhere, with one file that cites it."""
    files = [*ROOT.glob("*.md")]
    for place in PLACES:
        for ending in ("py", "md", "pml"):
            files += (ROOT / place).rglob(f"*.{ending}")
    return {
        int(number): str(path.relative_to(ROOT))
        for path in files
        for number in re.findall(r"\b[Rr]ule (\d+)\b", path.read_text())
    }


def test_every_rule_that_is_cited_has_its_heading_in_the_protocol() -> None:
    citations = cited()
    assert len(citations) >= 16
    assert {rule: path for rule, path in citations.items() if rule not in HEADINGS} == {}


def test_the_protocol_numbers_its_rules_without_a_gap() -> None:
    assert set(range(1, 43)) == HEADINGS


def test_each_link_inside_the_protocol_leads_to_a_heading() -> None:
    anchors = {
        re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.*)$", PROTOCOL, re.M)
    }
    links = re.findall(r"\]\(#([^)]*)\)", PROTOCOL)
    assert links
    assert [link for link in links if link not in anchors] == []


def test_the_protocol_says_each_invariant_as_the_explorer_does() -> None:
    assert [n for n, words in INVARIANTS.items() if f"**{n}** {words}." not in PROTOCOL] == []


# The picture in architecture.md.
NODE = re.compile(r'^    (\w+)\["([^"]+)"\]$', re.M)
ARROWS = re.compile(r"^    (\w[\w &]*(?: --> \w[\w &]*)+)$", re.M)


@functools.cache
def picture() -> tuple[dict[str, tuple[str, tuple[str, ...]]], set[tuple[str, str]]]:
    """Give each box as its folder with the modules it names, then the arrows."""
    (source,) = re.findall(r"```mermaid\n(.*?)```", ARCHITECTURE, re.S)
    boxes = {}
    for name, label in NODE.findall(source):
        folder, _, said = label.partition("<br>")
        boxes[name] = folder, tuple(said.split(" · ")) if " · " in said else ()
    arrows = set()
    for chain in ARROWS.findall(source):
        ends = [step.split(" & ") for step in chain.split(" --> ")]
        arrows |= {
            pair
            for here, there in itertools.pairwise(ends)
            for pair in itertools.product(here, there)
        }
    return boxes, arrows


@functools.cache
def box_of(module: Path) -> str:
    boxes, _ = picture()
    mine = {name: named for name, (folder, named) in boxes.items() if folder == str(module.parent)}
    (rest,) = (name for name, named in mine.items() if not named)
    return next((name for name, named in mine.items() if module.stem in named), rest)


@functools.cache
def imports() -> set[tuple[str, str]]:
    """Give the pairs of boxes of which one imports the other, at its top or when it is needed."""
    found = set()
    for top in ("lifecycle", "server", "cli"):
        for path in (ROOT / top).rglob("*.py"):
            module = path.relative_to(ROOT)
            if module.stem == "__init__":
                continue
            for name in imported_by(path, module):
                found.add((box_of(module), box_of(name)))
    return {(here, there) for here, there in found if here != there}


def imported_by(path: Path, module: Path) -> Iterator[Path]:
    package = ("incumbent", *module.parent.parts)
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.ImportFrom):
            continue
        base = package[: len(package) + 1 - node.level] if node.level else ()
        base += tuple(node.module.split(".")) if node.module else ()
        if base[:1] != ("incumbent",):
            continue
        for parts in {(*base[1:], alias.name) for alias in node.names} | {base[1:]}:
            target = Path(*parts).with_suffix(".py") if parts else Path("none")
            if (ROOT / target).is_file():
                yield target


def reached(arrows: set[tuple[str, str]], start: str) -> set[str]:
    found: set[str] = set()
    ahead = {start}
    while ahead:
        ahead = {there for here, there in arrows if here in ahead} - found
        found |= ahead
    return found


def test_every_import_between_two_boxes_of_the_picture_goes_along_its_arrows() -> None:
    _, arrows = picture()
    seen = imports()
    assert len(seen) > 20
    assert {pair for pair in seen if pair[1] not in reached(arrows, pair[0])} == set()


@pytest.mark.slow
def test_every_arrow_of_the_picture_is_an_import() -> None:
    _, arrows = picture()
    assert arrows - imports() == set()


def test_no_arrow_of_the_picture_goes_up() -> None:
    boxes, arrows = picture()
    assert [box for box in boxes if box in reached(arrows, box)] == []


def test_every_folder_of_the_code_has_its_box_and_its_paragraph() -> None:
    boxes, _ = picture()
    folders = {
        str(path.parent.relative_to(ROOT))
        for top in ("lifecycle", "server", "cli")
        for path in (ROOT / top).rglob("*.py")
    }
    assert {folder for folder, _ in boxes.values()} == folders
    assert {folder for folder in folders if f"**`{folder}/`**" not in ARCHITECTURE} == set()


# Paths that pages name.
NAMED_PATH = re.compile(r"`((?:lifecycle|server|cli|tests|docs|diagrams)/[\w./-]*)`")
BARE_FILE = re.compile(r"`(\w+\.py)`")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_path_that_a_page_names_is_there(page: Path) -> None:
    assert [
        path for path in NAMED_PATH.findall(page.read_text()) if not (ROOT / path).exists()
    ] == []


def test_every_file_that_a_paragraph_names_lies_in_its_folder() -> None:
    named = 0
    for paragraph in ARCHITECTURE.split("\n\n"):
        folder = re.match(r"\*\*`((?:lifecycle|server|cli)/[\w/]*)`\*\*", paragraph)
        if folder is None:
            continue
        files = BARE_FILE.findall(paragraph)
        named += len(files)
        assert [file for file in files if not (ROOT / folder[1] / file).is_file()] == []
    assert named > 50


# The other pages, against the code that they tell of.
FILES = (ROOT / "docs" / "files.md").read_text()
HTTP = (ROOT / "docs" / "http.md").read_text()


def rows(text: str, after: str) -> list[list[str]]:
    """Give the rows of the first table behind a heading, or a sentence, without their ticks."""
    table = text.partition(f"\n{after}\n")[2].partition("|---|")[2].partition("\n\n")[0]
    found = [line for line in table.splitlines()[1:] if line.startswith("|")]
    assert found, after
    return [[cell.strip().strip("`") for cell in row.strip("|").split(" | ")] for row in found]


def test_the_page_of_the_python_calls_is_fresh() -> None:
    assert python_api.PAGE.read_text() == python_api.page()


def test_the_page_of_files_has_every_name_of_the_data_dir_and_no_other() -> None:
    assert sorted(row[0] for row in rows(FILES, "## The data dir")) == sorted(data_dir.NAMES)


def test_the_page_of_files_has_every_key_of_the_settings_with_its_variable() -> None:
    told = {row[0]: row[1] for row in rows(FILES, "## Settings")}
    assert told == {key: f"INCUMBENT_{key.upper()}" for key, _, _ in settings_file.KEYS}


def test_the_page_of_files_has_the_defaults_that_count(tmp_path: Path) -> None:
    worker = Worker(environ={"HOME": str(tmp_path)})
    told = {row[0]: row[2] for row in rows(FILES, "## Settings")}
    computed = {"port": "computed", "version": "incumbent's", "pass_env": "none", "mcp": "none"}
    for key in told:
        real = getattr(worker, key)
        assert told[key] == computed.get(
            key, f"{real:g}" if isinstance(real, int | float) else real
        ), key


def test_every_variable_of_ours_in_the_code_is_on_the_page_of_files() -> None:
    said = set(re.findall(r"INCUMBENT_[A-Z]+(?:_[A-Z]+)*\b(?!_)", FILES))
    used = {
        name
        for top in ("lifecycle", "server", "cli")
        for path in (ROOT / top).rglob("*.py")
        for name in re.findall(r"\bINCUMBENT_[A-Z]+(?:_[A-Z]+)*\b(?!_)", path.read_text())
    }
    assert used <= said
    made = {f"INCUMBENT_{key.upper()}" for key, _, _ in settings_file.KEYS}
    assert said <= used | made


def test_the_page_of_http_has_the_paths_and_the_codes_of_the_worker() -> None:
    paths = {path for row in rows(HTTP, "## Paths") for path in re.findall(r"/[\w/]+", row[0])}
    ours = endpoints.RESERVED | set(endpoints.ASKS) | set(endpoints.RESERVED_BELOW)
    assert paths == ours | {EVENTS_PATH, f"{EVENTS_PATH}/", MCP_PATH}
    ours_too = {proving.UNAUTHORIZED, PROVE_AGAIN}
    for name, heading, beside, of_answers in (
        ("endpoints", "## Asks", {"method", "not-found"}, set()),
        ("events", "## Events", set(), {answers.TOO_LONG}),
    ):
        source = (ROOT / "server" / "http" / f"{name}.py").read_text()
        codes = set(re.findall(r'refusal\(\s*\d+, "([a-z-]+)"', source)) - beside
        told = {row[1] for row in rows(HTTP, heading) if row[0] != "202"}
        assert told == codes | ours_too | of_answers


def test_the_page_of_http_has_every_refusal_of_the_gate() -> None:
    source = (ROOT / "server" / "http" / "admission.py").read_text()
    codes = re.findall(r'Refusal\("([a-z-]+)"', source)
    assert sorted(row[0] for row in rows(HTTP, "## The gate")) == sorted(codes)


def test_the_page_of_http_has_every_field_of_health() -> None:
    health = Health(pid=1, version="1", state="verified", instance="i").to_json()
    told = {name for row in rows(HTTP, "## Health") for name in re.findall(r"\w+", row[0])}
    beside = {"versionSource", "python", "ready"}
    assert told == set(health) - {"status", "state", "phase"} | beside
    public = HTTP.partition("Anybody of this user may read")[2].partition(".\n")[0]
    assert set(re.findall(r"`(\w+)`", public.partition("The rest")[0])) == set(proving.PUBLIC)


def test_the_readme_has_every_command_and_no_other() -> None:
    told = [row[0].partition(" ")[0] for row in rows(README, "## The command line")]
    assert sorted(told) == sorted(COMMANDS)


def test_the_protocol_gives_todays_word_for_each_state_and_event_of_the_first_edition() -> None:
    told = {(row[0], row[1]): row[2] for row in rows(PROTOCOL, "## Old names")}
    for then, now in states.OF_FIRST_EDITION.items():
        assert told["state", then] == now
    events = {then: now for (kind, then), now in told.items() if kind == "event"}
    assert len(events) > 5
    for then, now in events.items():
        assert in_words_of_today({"event": then}) == {"event": now}
    assert told["trace", "door"] in in_words_of_today({"door": "cli"})
    for now, then in FIRST_NAMES.items():
        assert told["environment", then] == now


def test_the_class_or_module_that_an_old_name_became_is_there() -> None:
    source = "".join(
        path.stem + "\n" + path.read_text()
        for top in ("lifecycle", "server", "cli")
        for path in (ROOT / top).rglob("*.py")
    )
    for kind, _, now in rows(PROTOCOL, "## Old names"):
        if kind == "code":
            for name in now.split(", "):
                assert re.search(rf"^(class )?{name}\b", source, re.M), name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_link_to_a_heading_of_another_page_leads_to_one(page: Path) -> None:
    for target, anchor in re.findall(r"\]\(([\w./-]+\.md)#([\w-]+)\)", page.read_text()):
        headings = re.findall(r"^#+ (.*)$", (page.parent / target).read_text(), re.M)
        found = {re.sub(r"[^a-z0-9 -]", "", h.lower()).replace(" ", "-") for h in headings}
        assert anchor in found, (target, anchor)


def test_each_row_of_the_trace_in_the_readme_is_one_of_the_tables() -> None:
    shown = re.findall(r"^    (spawner|worker) +\d+ +(\S+) +(\S+) ", README, re.M)
    assert len(shown) > 5
    for machine, event, dest in shown:
        assert (event, dest) in {(row.event, row.dest) for row in MACHINES[machine][0]}
