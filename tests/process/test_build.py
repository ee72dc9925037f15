"""build-and-sync has a verified release serve, or everything back as it was."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from incumbent.cli.releases.content import remove_tree

from ..world import App, Hammer, World, eventually

pytestmark = pytest.mark.process

# A build backend that lives in the project needs nothing from anywhere.
BACKEND = """
import os, tomllib, zipfile

def build_wheel(folder, config_settings=None, metadata_directory=None):
    project = tomllib.load(open("pyproject.toml", "rb"))["project"]
    stem = f"{project['name']}-{project['version']}"
    name = f"{stem}-py3-none-any.whl"
    info = f"{stem}.dist-info"
    with zipfile.ZipFile(os.path.join(folder, name), "w") as wheel:
        wheel.write("hosted.py")
        wheel.writestr(
            f"{info}/METADATA",
            f"Metadata-Version: 2.1\\nName: {project['name']}\\nVersion: {project['version']}\\n",
        )
        wheel.writestr(
            f"{info}/WHEEL",
            "Wheel-Version: 1.0\\nGenerator: tiny\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
        )
        names = ["hosted.py", f"{info}/METADATA", f"{info}/WHEEL", f"{info}/RECORD"]
        wheel.writestr(names[-1], "".join(f"{name},,\\n" for name in names))
    return name
"""
PYPROJECT = """
[build-system]
requires = []
build-backend = "tiny"
backend-path = ["backend"]

[project]
name = "hosted"
version = "{version}"

[tool.incumbent]
app = "hosted:app"
"""


class Builds:
    """A project that is built again and again."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.folder = world.sandbox.root / "project"
        (self.folder / "backend").mkdir(parents=True)
        (self.folder / "backend" / "tiny.py").write_text(BACKEND)

    def write(self, version: str, flaw: str = "", says: str = "", extra: str = "") -> None:
        """Write the project; `says` is what its code calls itself when that is something else."""
        source = (self.world.app(says or version, flaw).folder / "hosted.py").read_text()
        (self.folder / "hosted.py").write_text(source + extra)
        (self.folder / "pyproject.toml").write_text(PYPROJECT.format(version=version))

    def sync(self, *options: str) -> subprocess.CompletedProcess[str]:
        """Run `build-and-sync` on the project, as a person would: no app in the environment."""
        environment = self.world.environment(App(Path(os.sep), "0.0.1"))
        for name in ("PYTHONPATH", "INCUMBENT_APP", "INCUMBENT_VERSION"):
            del environment[name]
        return subprocess.run(
            [sys.executable, "-m", "incumbent.cli", "build-and-sync", str(self.folder), *options],
            env=environment,
            cwd="/",
            text=True,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )

    def installed(self) -> list[str]:
        """Give the versions of the releases there are."""
        return sorted(p.name for p in (self.world.data_dir / "releases").glob("[!.]*"))


@pytest.fixture
def builds(world: World) -> Builds:
    return Builds(world)


def test_a_good_build_is_installed_and_proved(world: World, builds: Builds):
    builds.write("1.0.0")
    done = builds.sync()
    assert done.returncode == 0, done
    health = world.health()
    assert done.stdout == f"Worker restart verified (pid={health.pid}, version=1.0.0)\n"
    assert health.worker_path == str(world.data_dir / "releases" / "1.0.0" / "hosted.py")
    builds.write("1.1.0")
    assert "version=1.1.0" in builds.sync().stdout
    assert world.record()["good"]["version"] == "1.1.0"
    assert builds.installed() == ["1.0.0", "1.1.0"]


def test_a_good_build_takes_over_under_fire_without_a_failed_request(world: World, builds: Builds):
    builds.write("1.0.0")
    assert builds.sync().returncode == 0
    builds.write("2.0.0")
    with Hammer(world.port, clients=4, pause=0.002) as hammer:
        done = builds.sync()
    assert done.stdout == f"Worker restart verified (pid={world.health().pid}, version=2.0.0)\n"
    assert hammer.failures == []
    assert {version for _, version in hammer.answers} == {"1.0.0", "2.0.0"}


def test_a_good_build_tells_its_progress_on_stderr_and_json_on_stdout(builds: Builds):
    builds.write("1.0.0")
    done = builds.sync("--json")
    assert json.loads(done.stdout)["version"] == "1.0.0"
    for word in ("building", "installing version 1.0.0", "restarting", "spawned"):
        assert word in done.stderr


BROKEN = {
    "syntax error": ("", "", "\ndef broken(:\n", "SyntaxError"),
    "import error": ("cannot be imported", "", "", "no such marvel"),
    "never ready": ("never ready", "", "", "not up within"),
    "fails at start": ("fails at start", "", "", "no such table"),
    "wrong version": ("", "1.5.0", "", "the code says version 1.5.0"),
}


@pytest.mark.parametrize(
    ("kind", "strategy"), [*((kind, "seamless") for kind in BROKEN), ("never ready", "rebind")]
)
def test_a_broken_build_fails_and_the_old_release_serves_under_fire(world, builds, kind, strategy):
    world.settings |= {"INCUMBENT_START_TIMEOUT": "2", "INCUMBENT_HANDOVER": strategy}
    builds.write("1.0.0")
    assert builds.sync().returncode == 0
    flaw, says, extra, words = BROKEN[kind]
    builds.write("2.0.0", flaw, says, extra)
    with Hammer(world.port) as hammer:
        done = builds.sync()
    assert done.returncode == 1, done
    assert words in done.stderr
    assert done.stdout == ""
    assert world.health().version == "1.0.0"
    assert {version for _, version in hammer.answers} == {"1.0.0"}
    if strategy == "seamless":
        assert hammer.failures == []
    record = world.record()
    assert (record["version"], record["good"]["version"], record["pinned"]) == (
        "1.0.0",
        "1.0.0",
        "",
    )
    assert builds.installed() == ["1.0.0"]
    eventually(lambda: not (world.data_dir / "spawn.lock").exists(), "the lock is given back")


def test_what_cannot_be_built_changes_nothing(world: World, builds: Builds):
    builds.write("1.0.0")
    builds.sync()
    pid = world.health().pid
    (builds.folder / "backend" / "tiny.py").write_text("raise RuntimeError('out of clay')")
    done = builds.sync()
    assert done.returncode == 1
    assert "out of clay" in done.stderr
    assert world.health().pid == pid
    assert builds.installed() == ["1.0.0"]


def test_the_same_version_with_other_content_is_refused(world: World, builds: Builds):
    builds.write("1.0.0")
    builds.sync()
    pid, path = world.health().pid, world.data_dir / "releases" / "1.0.0" / "hosted.py"
    before = path.read_bytes()
    builds.write("1.0.0", extra="# something else\n")
    done = builds.sync()
    assert done.returncode == 1
    assert "give the project a new version" in done.stderr
    assert "--dev" in done.stderr
    assert world.health().pid == pid
    assert path.read_bytes() == before


def test_the_same_version_with_the_same_content_is_restarted(world: World, builds: Builds):
    builds.write("1.0.0")
    builds.sync()
    pid = world.health().pid
    assert builds.sync().returncode == 0
    assert world.health().pid != pid
    assert builds.installed() == ["1.0.0"]


def test_a_dev_build_has_its_content_in_its_version(world: World, builds: Builds):
    versions = []
    for extra in ("# one\n", "# two\n", "# one\n"):
        builds.write("1.0.0", extra=extra)
        done = builds.sync("--dev")
        assert done.returncode == 0, done
        versions.append(world.health().version)
    assert all(version.startswith("1.0.0+") and len(version) == 14 for version in versions)
    assert versions[0] == versions[2] != versions[1]


def test_a_dev_build_that_is_mislabelled_fails_all_the_same(builds: Builds):
    builds.write("1.0.0", says="0.9.0")
    done = builds.sync("--dev")
    assert done.returncode == 1
    assert "the code says version 0.9.0+" in done.stderr


def test_an_older_version_needs_a_pin_to_come_back(world: World, builds: Builds):
    for version in ("1.0.0", "2.0.0"):
        builds.write(version)
        builds.sync()
    builds.write("1.0.0")
    refused = builds.sync()
    assert refused.returncode == 1
    assert "--pin" in refused.stderr
    assert world.health().version == "2.0.0"
    pinned = builds.sync("--pin")
    assert pinned.returncode == 0, pinned
    assert (world.health().version, world.record()["pinned"]) == ("1.0.0", "1.0.0")
    newer = world.app("3.0.0")
    assert world.ensure(newer).said["version"] == "1.0.0"


def test_a_restart_goes_back_to_an_installed_release_and_stays_there(world: World, builds: Builds):
    for version in ("1.0.0", "2.0.0"):
        builds.write(version)
        builds.sync()
    newer = world.app("3.0.0")
    done = world.command(App(Path(os.sep), "0.0.1"), "restart", "--version", "1.0")
    assert done.returncode == 0, done
    health = world.health()
    proof = f"Worker restart verified (pid={health.pid}, version=1.0.0)"
    assert done.stdout.splitlines()[-1] == proof
    assert world.record()["pinned"] == "1.0.0"
    assert world.ensure(newer).said["pid"] == health.pid
    assert world.restart(newer).said["version"] == "1.0.0"
    os.kill(world.health().pid, signal.SIGKILL)
    assert world.ensure(newer).said["version"] == "1.0.0"


def test_a_pin_ends_with_the_next_build(world: World, builds: Builds):
    for version in ("1.0.0", "2.0.0"):
        builds.write(version)
        builds.sync()
    world.command(App(Path(os.sep), "0.0.1"), "restart", "--version", "1.0.0")
    builds.write("2.1.0", "cannot be imported")
    assert builds.sync().returncode == 1
    assert (world.record()["version"], world.record()["pinned"]) == ("1.0.0", "1.0.0")
    builds.write("2.1.0")
    assert builds.sync().returncode == 0
    assert (world.record()["version"], world.record()["pinned"]) == ("2.1.0", "")
    assert world.ensure(world.app("3.0.0")).said["version"] == "3.0.0"


def test_a_restart_into_no_installed_release_changes_nothing(world: World, builds: Builds):
    builds.write("1.0.0")
    builds.sync()
    pid, record = world.health().pid, world.record()
    done = world.command(App(Path(os.sep), "0.0.1"), "restart", "--version", "1.1.0")
    assert done.returncode == 1
    assert "no release 1.1.0 is installed (there is: 1.0.0)" in done.stderr
    assert (world.health().pid, world.record()) == (pid, record)


@pytest.mark.parametrize("strategy", ["seamless", "rebind"])
def test_an_older_release_that_fails_does_not_pass_for_verified(world, builds, strategy):
    world.settings |= {"INCUMBENT_HANDOVER": strategy}
    builds.write("2.0.0")
    builds.sync()
    builds.write("1.0.0", "fails at start")
    done = builds.sync("--pin")
    assert done.returncode == 1, done
    assert "no such table" in done.stderr
    assert done.stdout == ""
    assert world.health().version == "2.0.0"
    assert (world.record()["version"], world.record()["pinned"]) == ("2.0.0", "")


def test_old_releases_are_pruned_but_never_the_running_one(world: World, builds: Builds):
    for minor in range(5):
        builds.write(f"1.{minor}.0")
        assert builds.sync().returncode == 0
    assert builds.installed() == ["1.2.0", "1.3.0", "1.4.0"]
    builds.write("1.2.0")
    builds.sync("--pin")
    for minor in (5, 6, 7):
        builds.write(f"1.{minor}.0", "cannot be imported")
        assert builds.sync().returncode == 1
    assert "1.2.0" in builds.installed()
    assert world.health().version == "1.2.0"


def test_an_installed_release_is_never_written_to_again(world: World, builds: Builds):
    def content() -> dict[str, tuple[int, int]]:
        top = world.data_dir / "releases" / "1.0.0"
        return {str(p): (p.stat().st_mtime_ns, p.stat().st_mode & 0o222) for p in top.rglob("*")}

    builds.write("1.0.0")
    builds.sync()
    before = content()
    assert all(writable == 0 for _, writable in before.values())
    world.restart(App(Path(os.sep), "0.0.1"))
    builds.sync()
    assert content() == before


def test_a_folder_without_a_project_is_told(world: World, builds: Builds):
    done = builds.sync()
    assert done.returncode == 1
    assert "no pyproject.toml" in done.stderr
    assert not (world.data_dir / "launch.json").exists()


@pytest.mark.parametrize("gone", ["release", "interpreter"])
def test_a_recorded_build_that_is_gone_gives_way_to_the_callers_own(world, builds, gone):
    builds.write("2.0.0")
    assert builds.sync().returncode == 0
    own = world.app("1.0.0")
    assert world.ensure(own).said["version"] == "2.0.0"
    world.stop(own)
    if gone == "release":
        remove_tree(str(world.data_dir / "releases" / "2.0.0"))
    else:
        record = world.record()
        for build in (record, record["good"]):
            build["python"] = "/no/such/python"
        (world.data_dir / "launch.json").write_text(json.dumps(record))
    done = world.ensure(own)
    assert done.said["version"] == "1.0.0", done
    assert "the recorded version 2.0.0 is gone from this machine" in done.talk
    assert world.record()["version"] == "1.0.0"
