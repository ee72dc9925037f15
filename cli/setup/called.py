"""Finds how a host, which knows neither our folder nor our variables, can call us."""

from __future__ import annotations

import os
import shlex
import shutil
import sys

from incumbent.lifecycle.about import command
from incumbent.lifecycle.errors import IncumbentError
from incumbent.lifecycle.settings import Worker, default_data_dir

from .changes import Command


class NotCallableError(IncumbentError):
    """No host could call the command as it was called; the sentence says what to do."""


def called(worker: Worker) -> Command:
    """Give the words that call us from anywhere, for this worker; raises NotCallableError."""
    first, *words = shlex.split(command())
    if first.startswith("python"):
        first = sys.executable
    elif shutil.which(first) is None:
        typed = os.path.abspath(sys.argv[0])
        if os.path.basename(typed) != first or not os.access(typed, os.X_OK):
            raise NotCallableError(
                f"`{first}` is on no PATH where a host would find it; install it there, or run "
                f"`{command()} setup` by its whole path"
            )
        first = typed
    usual = os.path.realpath(default_data_dir(worker.name, os.environ | {"XDG_DATA_HOME": ""}))
    if worker.data_dir != usual:
        words += ["--data-dir", worker.data_dir]
    return Command(worker.name, (first, *words), shlex.join((first, *words)))
