"""Turns a project into an unpacked wheel, by pip."""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
import tomllib

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from incumbent.lifecycle.about import command

from ..output import tell
from .error import ReleaseError

LAST_LINES = 15


def app_of(project: str) -> str:
    """Give the app that the project names for itself, "" where it names none."""
    app = _in_pyproject(project, "tool", "incumbent", "app")
    return app if isinstance(app, str) else ""


def _in_pyproject(project: str, *keys: str) -> object:
    """Give what stands under the keys, None where nothing does; raises ReleaseError."""
    try:
        with open(os.path.join(project, "pyproject.toml"), "rb") as file:
            found: object = tomllib.load(file)
    except FileNotFoundError as error:
        raise ReleaseError(
            f"no pyproject.toml in {project}; run `{command()} build-and-sync PROJECT`"
        ) from error
    except (OSError, ValueError) as error:
        raise ReleaseError(f"can't read pyproject.toml in {project}: {error}; mend it") from error
    for key in keys:
        found = found.get(key) if isinstance(found, dict) else None
    return found


def build(project: str, folder: str) -> str:
    """Build the wheel, with what is installed here if that will do, else in isolation.

    Without a network only the first can work.
    """
    words = ["wheel", "--no-deps", "--wheel-dir", folder]
    trouble: list[str] = []
    if _can_build_here(project):
        trouble = _pip([*words, "--no-build-isolation", project])
        if not trouble:
            return _only_wheel(folder)
        tell("not built with what is installed here; trying in isolation")
    said = _pip([*words, project])
    if said:
        raise ReleaseError(
            f"{project} can't be built; mend it, then try again:", *(trouble or said)
        )
    return _only_wheel(folder)


def _can_build_here(project: str) -> bool:
    wants = _in_pyproject(project, "build-system", "requires")
    if wants is None:
        wants = ["setuptools", "wheel"]
    if not isinstance(wants, list):
        return False
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


def version_of(wheel: str) -> str:
    """Give the version that the wheel's name says; raises ReleaseError."""
    try:
        return str(parse_wheel_filename(os.path.basename(wheel))[1])
    except InvalidWheelFilename as error:
        raise ReleaseError(f"the build made a wheel with a wrong name: {error}") from error


def unpack(wheel: str, folder: str) -> None:
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
