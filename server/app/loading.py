"""Imports the hosted app, finding out what version its code really is."""

from __future__ import annotations

import importlib
import os
import sys
import sysconfig
import traceback
from typing import Any, NamedTuple

from incumbent.lifecycle.shortage import shortage


class Loaded(NamedTuple):
    """An imported app, the version of its code and where that was read: app, metadata, declared."""

    app: Any
    version: str
    version_source: str
    path: str


class AppError(Exception):
    """The app can't be imported; the sentence says why."""


def load(spec: str, declared: str) -> Loaded:
    """Import `module:attribute`; raises AppError, also when the module asks to exit.

    What only says that the machine has no more to give is raised as it came.
    """
    module_name, _, attribute = spec.partition(":")
    try:
        module = importlib.import_module(module_name)
    except BaseException as error:
        if shortage(error):
            raise  # the app may be as good as ever
        traceback.print_exc()
        raise AppError(
            f"the app {spec} can't be imported: {_sentence(error, module_name)}"
        ) from error
    app: Any = module
    for part in attribute.split("."):
        try:
            app = getattr(app, part)
        except AttributeError as error:
            raise AppError(f"the app {spec} can't be imported: no {part}") from error
    if not callable(app):
        raise AppError(f"the app {spec} is no ASGI app: it can't be called")
    version, source = _version(module, declared)
    return Loaded(app, version, source, os.path.realpath(module.__file__ or ""))


def _version(module: Any, declared: str) -> tuple[str, str]:
    for name in (module.__name__, module.__name__.partition(".")[0]):
        said = getattr(sys.modules.get(name), "__version__", None)
        if isinstance(said, str):
            return said, "app"
    libraries = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    path = os.path.realpath(module.__file__ or "")
    if any(path.startswith(os.path.realpath(library) + os.sep) for library in libraries):
        said = _distribution_version(module.__name__.partition(".")[0])
        if said is not None:
            return said, "metadata"
    return declared, "declared"


def _distribution_version(top: str) -> str | None:
    from importlib import metadata

    try:
        return metadata.version(top)
    except metadata.PackageNotFoundError:
        names = metadata.packages_distributions().get(top, [])
        return metadata.version(names[0]) if names else None


def _sentence(error: BaseException, module_name: str) -> str:
    text = " ".join(str(error).split())
    said = f"{type(error).__name__}: {text}" if text else type(error).__name__
    if isinstance(error, ModuleNotFoundError) and error.name == module_name.partition(".")[0]:
        return f"{said}; install it, or put its folder on PYTHONPATH"
    return said
