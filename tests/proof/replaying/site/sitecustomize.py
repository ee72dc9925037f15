"""Puts a checkpoint before each verb of a launcher and of a worker, where a replay asks for it.

Python imports a module of this name by itself, in every process that has this folder on its path.
"""

import importlib
import os
import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import PathFinder

CLASSES = {
    "incumbent.lifecycle.posix.launcher": "PosixLauncher",
    "incumbent.server.worker": "PosixWorker",
}


class Finder(MetaPathFinder):
    """Lets the two modules load as they are, then wraps the verbs of their classes."""

    def find_spec(self, name, path=None, target=None):
        if name not in CLASSES:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is None or spec.loader is None:
            return None
        execute = spec.loader.exec_module

        def wrapped(module):
            execute(module)
            checkpoints = importlib.import_module("checkpoints")  # it lies beside this file
            checkpoints.hold(getattr(module, CLASSES[name]))

        spec.loader.exec_module = wrapped  # type: ignore[method-assign]  # a tap
        return spec


if os.environ.get("INCUMBENT_REPLAY"):
    sys.meta_path.insert(0, Finder())
