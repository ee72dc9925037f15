"""An app is imported whole or not at all, and its version is what its code says."""

from __future__ import annotations

import importlib.metadata
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

from incumbent.server.app.loading import AppError, Loaded, load

APP = "async def app(*_): ...\n"


@pytest.fixture
def code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give a folder on the import path; what was imported from it is forgotten afterwards."""
    folder = tmp_path / "code"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    before = set(sys.modules)
    yield folder
    for name in set(sys.modules) - before:
        del sys.modules[name]


def loaded(code: Path, text: str, spec: str = "marvel:app") -> Loaded:
    (code / "marvel.py").write_text(text)
    return load(spec, "9.9.9")


def refusal(code: Path, text: str, spec: str = "marvel:app") -> str:
    with pytest.raises(AppError) as raised:
        loaded(code, text, spec)
    return str(raised.value)


def test_an_app_is_given_with_the_file_it_came_from(code: Path):
    found = loaded(code, f"{APP}__version__ = '1.2.3'\n")
    assert found.app is sys.modules["marvel"].app
    assert (found.version, found.version_source) == ("1.2.3", "app")
    assert found.path == str((code / "marvel.py").resolve())


def test_an_app_below_another_name_is_found(code: Path):
    found = loaded(code, "class made:\n    async def app(self): ...\n", "marvel:made.app")
    assert found.app is sys.modules["marvel"].made.app


def test_the_version_of_a_package_counts_for_its_modules(code: Path):
    (code / "shop").mkdir()
    (code / "shop" / "__init__.py").write_text("__version__ = '3.0'\n")
    (code / "shop" / "web.py").write_text(APP)
    found = load("shop.web:app", "9.9.9")
    assert (found.version, found.version_source) == ("3.0", "app")


def test_the_version_of_the_module_comes_before_its_packages(code: Path):
    (code / "shop").mkdir()
    (code / "shop" / "__init__.py").write_text("__version__ = '3.0'\n")
    (code / "shop" / "web.py").write_text(f"{APP}__version__ = '4.0'\n")
    assert load("shop.web:app", "9.9.9").version == "4.0"


@pytest.mark.parametrize("said", ["", "__version__ = 3\n"])
def test_code_that_says_no_version_has_the_declared_one(code: Path, said: str):
    found = loaded(code, APP + said)
    assert (found.version, found.version_source) == ("9.9.9", "declared")


@pytest.fixture
def installed(code: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let the folder be where packages are installed."""
    paths = {"purelib": str(code), "platlib": "/no/such/folder"}
    monkeypatch.setattr(sysconfig, "get_path", paths.__getitem__)
    return code


def distribution(code: Path, name: str, version: str, top: str) -> None:
    folder = code / f"{name}-{version}.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (folder / "top_level.txt").write_text(f"{top}\n")


@pytest.mark.parametrize("name", ["marvel", "marvel-of-another-name"])
def test_an_installed_app_has_the_version_of_its_distribution(installed: Path, name: str):
    distribution(installed, name, "5.6", "marvel")
    found = loaded(installed, APP)
    assert (found.version, found.version_source) == ("5.6", "metadata")


def test_an_installed_app_of_no_distribution_has_the_declared_version(installed: Path):
    found = loaded(installed, APP)
    assert (found.version, found.version_source) == ("9.9.9", "declared")


def test_an_app_beside_the_installed_ones_is_not_asked_for_its_distribution(
    code: Path, monkeypatch: pytest.MonkeyPatch
):
    def asked(_: str) -> str:
        pytest.fail("it is not installed")

    monkeypatch.setattr(importlib.metadata, "version", asked)
    monkeypatch.setattr(sysconfig, "get_path", lambda _: str(code)[:-1])
    assert loaded(code, APP).version == "9.9.9"


@pytest.mark.parametrize(
    ("text", "spec", "why"),
    [
        ("raise ValueError('two\\n words')", "marvel:app", "ValueError: two words"),
        ("raise SystemExit", "marvel:app", "SystemExit"),
        ("import no_such_marvel", "marvel:app", "No module named 'no_such_marvel'"),
        (APP, "marvel:other", "no other"),
        (APP, "marvel:app.other", "no other"),
        (
            APP,
            "no_such_marvel:app",
            "No module named 'no_such_marvel'; install it, or put its folder on PYTHONPATH",
        ),
    ],
)
def test_an_app_that_cannot_be_imported_says_why(
    code: Path, capsys: pytest.CaptureFixture[str], text: str, spec: str, why: str
):
    said = refusal(code, text, spec)
    assert said.startswith(f"the app {spec} can't be imported: ")
    assert said.endswith(why)
    assert ("Traceback" in capsys.readouterr().err) is (": no " not in said)


def test_what_cannot_be_called_is_no_app(code: Path):
    assert refusal(code, "app = 3\n") == "the app marvel:app is no ASGI app: it can't be called"


@pytest.mark.parametrize("error", ["MemoryError()", 'RuntimeError("can\'t start new thread")'])
def test_what_only_the_machine_lacks_is_not_the_apps_fault(code: Path, error: str):
    with pytest.raises((MemoryError, RuntimeError)):
        loaded(code, f"raise {error}")
