"""The caller's own worker as something that can be registered."""

from __future__ import annotations

import os
import sys
import time
from importlib.machinery import PathFinder

from ..errors import IncumbentError
from ..record import Build
from ..settings import Worker
from .child_environment import environment_of
from .child_process import strategies
from .fingerprint import fingerprint


def own_build(worker: Worker) -> Build:
    """Give the build that this worker's settings name, registered now by this process."""
    return Build(
        worker.version,
        worker.app,
        worker.python,
        environment_of(worker, own_path() if worker.python == sys.executable else ()),
        fingerprint(worker.app, worker.python),
        strategies(),
        time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        f"pid {os.getpid()}",
    )


class ZippedError(IncumbentError):
    """We are inside a zip, from which a worker can't load its compiled parts."""

    def __str__(self) -> str:
        return (
            f"a worker can't run from inside {self.args[0]}: compiled modules can't be loaded from "
            "a zip; install the tool, or build it with shiv or pex, which unpack themselves"
        )


def own_path() -> list[str]:
    """Give what this process imports from and its interpreter alone would not.

    Nothing where we are installed for the interpreter. Tools built by shiv or pex carry us, and
    what we need, in folders of their own. Raises ZippedError for a zip that needs unpacking.
    """
    folder = os.path.abspath(__file__)
    for _ in ("own_build.py", "posix", "lifecycle", "incumbent"):
        folder = os.path.dirname(folder)
    if folder not in sys.path or _is_the_interpreters(folder):
        return []
    installed = [entry for entry in sys.path if _is_the_interpreters(entry)]
    if os.path.isfile(folder) and PathFinder.find_spec("uvloop", installed) is None:
        raise ZippedError(folder)
    return [entry for entry in sys.path if os.path.isabs(entry) and entry not in installed]


def _is_the_interpreters(entry: str) -> bool:
    site = sys.modules.get("site")
    own = [sys.prefix, sys.base_prefix, getattr(site, "USER_SITE", None) or sys.prefix]
    real = os.path.realpath(entry) + os.sep
    return any(real.startswith(os.path.realpath(folder) + os.sep) for folder in own)
