"""Finds out why a build can't come up any more, by its own interpreter."""

from __future__ import annotations

import os

from .._small_json import loads
from ..record import Build
from ..settings import Worker
from .child_environment import environment_for
from .child_process import BUILD_AT_FAULT, can_be_spawned

CHECK_S = 10.0  # to import an app; one that takes longer has the benefit of the doubt

# Runs where another incumbent may be installed. What the app prints goes to stderr.
_CHECK = """
import json, os, sys
out = os.dup(1)
os.dup2(2, 1)
app, version = sys.argv[1:]
def say(why):
    os.write(out, json.dumps({"why": why}).encode())
    os._exit(0)
try:
    from incumbent.lifecycle.versions import same
    try:
        from incumbent.server.app.loading import AppError, load
    except ModuleNotFoundError:  # 0.1.0
        from incumbent.server.loading import AppError, load
except ModuleNotFoundError as error:
    say(str(error))
try:
    loaded = load(app, version)
except AppError as error:
    say(str(error))
if not same(loaded.version, version):
    say(f"the code there says version {loaded.version}")
say("")
"""


def why_gone(worker: Worker, build: Build, seconds: float = CHECK_S) -> str:
    """Give why no worker of this build can come up; "" where one can, or in doubt.

    Imports the app as a worker would, in its environment; takes at most `seconds`.
    """
    if not can_be_spawned(build):
        return missing(build)
    import subprocess

    try:
        done = subprocess.run(
            [build.python, "-P", "-B", "-c", _CHECK, build.app, build.version],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            cwd=os.sep,
            env=environment_for(worker, build),
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return ""
    except OSError as error:
        blamed = error.errno in BUILD_AT_FAULT
        return f"can't run {build.python}: {error.strerror}" if blamed else ""
    try:
        return str(loads(done.stdout)["why"])
    except (ValueError, TypeError, KeyError):
        return _without_a_word(build, done.returncode, done.stderr)


def missing(build: Build) -> str:
    """Give what a build that can't be spawned lacks: its interpreter, or its import path."""
    try:
        runs = os.access(build.python, os.X_OK) and not os.path.isdir(build.python)
    except ValueError:  # no text that can name a file
        runs = False
    if not runs:
        return f"there is no program {build.python}"
    return f"there is no folder {dict(build.environment).get('PYTHONPATH', '')}"


def _without_a_word(build: Build, code: int, said: bytes) -> str:
    """Give what the end of an interpreter tells that never came to run the check."""
    if code <= 0:
        return ""  # it was killed: that says nothing of the build
    lines = said.decode(errors="replace").split("\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return f"{build.python} exited {code}" + (f": {last[:200]}" if last else "")
