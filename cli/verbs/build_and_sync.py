"""Builds a project into a release, then restarts the worker into it."""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from incumbent.lifecycle import runs
from incumbent.lifecycle.about import command
from incumbent.lifecycle.errors import NotVerifiedError
from incumbent.lifecycle.settings import Worker

from ..arguments import seconds
from ..output import as_json, show, tell
from ..releases import ReleaseError, Releases, needed_paths, remove_tree, switch
from ..trace_reader import Follower, readable

LAST_LINES = 15


def configure(parser: argparse.ArgumentParser) -> None:
    """Add what is built, and how it is recorded."""
    parser.add_argument("project", nargs="?", default=".", metavar="PROJECT", help="its folder")
    parser.add_argument("--pin", action="store_true", help="also back to an older version, to stay")
    parser.add_argument("--dev", action="store_true", help="add the content's hash to the version")
    parser.add_argument("--timeout", type=seconds, metavar="S", help="for the restart, in seconds")


def run(worker: Worker, options: argparse.Namespace) -> int:
    """Print the proof of the new release; raises ReleaseError, NotVerifiedError."""
    project = os.path.abspath(options.project)
    app = _app_of(project) or worker.app
    runs.bootstrap(worker)
    releases = Releases(worker)
    with releases.guarded():
        with releases.new_folder() as folder, tempfile.TemporaryDirectory() as wheels:
            tell(f"building {project}")
            wheel = _wheel(project, wheels)
            version = _version_of(wheel)
            tell(f"installing version {version}")
            _install(wheel, folder)
            release, new = releases.install(folder, version, app, options.dev)
        tell(f"restarting into {release.path}" + ("" if new else ", which was there already"))
        follower = Follower(worker.path("trace.jsonl"))
        try:
            health = switch(worker, release, options.pin, options.timeout, _telling(follower))
        except (ReleaseError, NotVerifiedError):
            if new and release.path not in needed_paths(worker, None):
                remove_tree(release.path)  # it never served: the version is free for a better try
            raise
        finally:
            follower.close()
        for removed in releases.prune(needed_paths(worker, health)):
            tell(f"removed the old release {removed}")
    if options.json:
        said = {"ok": True, "pid": health.pid, "version": health.version, "release": release.path}
        as_json(said)
    else:
        show(f"Worker restart verified (pid={health.pid}, version={health.version})")
    return 0


def _telling(follower: Follower) -> Callable[[], None]:
    def tell_new() -> None:
        for line in follower.new_lines():
            tell(readable(line))

    return tell_new


def _pyproject(project: str) -> dict[str, Any]:
    try:
        with open(os.path.join(project, "pyproject.toml"), "rb") as file:
            return tomllib.load(file)
    except FileNotFoundError as error:
        raise ReleaseError(
            f"no pyproject.toml in {project}; run `{command()} build-and-sync PROJECT`"
        ) from error
    except (OSError, ValueError) as error:
        raise ReleaseError(f"can't read pyproject.toml in {project}: {error}; mend it") from error


def _app_of(project: str) -> str:
    table = _pyproject(project).get("tool", {}).get("incumbent", {})
    app = table.get("app", "") if isinstance(table, dict) else ""
    return app if isinstance(app, str) else ""


def _wheel(project: str, folder: str) -> str:
    """Build the wheel, with what is installed here if that will do, else in isolation.

    Without a network only the first can work.
    """
    command = ["wheel", "--no-deps", "--wheel-dir", folder]
    trouble: list[str] = []
    if _can_build_here(project):
        trouble = _pip([*command, "--no-build-isolation", project])
        if not trouble:
            return _only_wheel(folder)
        tell("not built with what is installed here; trying in isolation")
    said = _pip([*command, project])
    if said:
        raise ReleaseError(
            f"{project} can't be built; mend it, then try again:", *(trouble or said)
        )
    return _only_wheel(folder)


def _can_build_here(project: str) -> bool:
    wants = _pyproject(project).get("build-system", {}).get("requires", ["setuptools", "wheel"])
    try:
        return all(_is_here(Requirement(text)) for text in wants)
    except (InvalidRequirement, TypeError):
        return False


def _is_here(wanted: Requirement) -> bool:
    if wanted.marker is not None and not wanted.marker.evaluate():
        return True
    try:
        return wanted.specifier.contains(importlib.metadata.version(wanted.name), prereleases=True)
    except importlib.metadata.PackageNotFoundError:
        return False


def _only_wheel(folder: str) -> str:
    found = [name for name in os.listdir(folder) if name.endswith(".whl")]
    if len(found) != 1:
        raise ReleaseError(f"the build made {len(found)} wheels instead of one; mend the project")
    return os.path.join(folder, found[0])


def _version_of(wheel: str) -> str:
    try:
        return str(parse_wheel_filename(os.path.basename(wheel))[1])
    except InvalidWheelFilename as error:
        raise ReleaseError(f"the build made a wheel with a wrong name: {error}") from error


def _install(wheel: str, folder: str) -> None:
    """Unpack the wheel; what it depends on comes from the interpreter that runs the worker."""
    trouble = _pip(
        [
            "install",
            "--no-deps",
            "--no-index",
            "--no-compile",
            "--upgrade",
            "--target",
            folder,
            wheel,
        ]
    )
    if trouble:
        raise ReleaseError(f"{os.path.basename(wheel)} can't be installed:", *trouble)


def _pip(arguments: list[str]) -> list[str]:
    """Run pip quietly; give nothing, or the last lines it said."""
    done = subprocess.run(
        [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode == 0:
        return []
    return done.stdout.splitlines()[-LAST_LINES:] or [f"pip exited {done.returncode}"]
