"""Which variables of a launcher reach the app."""

from __future__ import annotations

import os

from .about import COMMAND_VARIABLE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

OF_THE_USER = (
    "PATH HOME USER LOGNAME SHELL TMPDIR TZ LANG LANGUAGE LC_ALL LC_ADDRESS LC_COLLATE LC_CTYPE "
    "LC_IDENTIFICATION LC_MEASUREMENT LC_MESSAGES LC_MONETARY LC_NAME LC_NUMERIC LC_PAPER "
    "LC_TELEPHONE LC_TIME XDG_CACHE_HOME XDG_CONFIG_DIRS XDG_CONFIG_HOME XDG_DATA_DIRS "
    "XDG_DATA_HOME XDG_RUNTIME_DIR XDG_STATE_HOME SSL_CERT_DIR SSL_CERT_FILE"
)
# What decides which code a build is; another install's do not make it any newer.
OF_THE_CODE = "LD_LIBRARY_PATH PYTHONHOME PYTHONPATH PYTHONPLATLIBDIR PYTHONUSERBASE VIRTUAL_ENV"
# The interpreter's own (CPython 3.13), without those that are for a terminal.
OF_THE_INTERPRETER = (
    "PYTHONASYNCIODEBUG PYTHONBREAKPOINT PYTHONCASEOK PYTHONCOERCECLOCALE PYTHONDEBUG "
    "PYTHONDEVMODE PYTHONDONTWRITEBYTECODE PYTHONEXECUTABLE PYTHONFAULTHANDLER PYTHONHASHSEED "
    "PYTHONINTMAXSTRDIGITS PYTHONIOENCODING PYTHONMALLOC PYTHONMALLOCSTATS PYTHONNODEBUGRANGES "
    "PYTHONNOUSERSITE PYTHONOPTIMIZE PYTHONPERFSUPPORT PYTHONPROFILEIMPORTTIME "
    "PYTHONPYCACHEPREFIX PYTHONSAFEPATH PYTHONTRACEMALLOC PYTHONUNBUFFERED PYTHONUTF8 "
    "PYTHONVERBOSE PYTHONWARNDEFAULTENCODING PYTHONWARNINGS PYTHON_COLORS PYTHON_CPU_COUNT "
    "PYTHON_FROZEN_MODULES PYTHON_GIL PYTHON_JIT"
)
OF_OURS = f"{COMMAND_VARIABLE} INCUMBENT_TIMEOUT INCUMBENT_HOOK_TIMEOUT"

# By name, never by prefix: what only begins like one of these may be a secret.
PASSED = frozenset(" ".join((OF_THE_USER, OF_THE_CODE, OF_THE_INTERPRETER, OF_OURS)).split())
CODE = frozenset(OF_THE_CODE.split())


def passed(environ: Mapping[str, str], pass_env: Iterable[str] = ()) -> dict[str, str]:
    """Give the variables that an app gets from its launcher: ours by name, and what was asked for.

    `pass_env` holds names, or beginnings with a `*` behind them.
    """
    asked = frozenset(pass_env)
    begins = tuple(name[:-1] for name in asked if name.endswith("*"))
    found = {
        name: text
        for name, text in environ.items()
        if name in PASSED or name in asked or (begins and name.startswith(begins))
    }
    path = _absolute(found.pop("PYTHONPATH", ""))
    return found | ({"PYTHONPATH": path} if path else {})


def names(value: object) -> tuple[str, ...]:
    """Give the names in a text with commas, or in a list; raises ValueError for what is none."""
    listed = value.split(",") if isinstance(value, str) else value
    if isinstance(listed, list | tuple | set | frozenset):
        found = [name.strip() if isinstance(name, str) else "?" for name in listed]
        if all(name.removesuffix("*").isidentifier() for name in found if name):
            return tuple(name for name in found if name)
    raise ValueError("names of variables with commas between, or beginnings such as MYTOOL_*")


def without_ours(environ: Mapping[str, str]) -> dict[str, str]:
    """Give the environment without the settings in it, which are another service's."""
    return {
        name: text
        for name, text in environ.items()
        if not name.startswith("INCUMBENT_") or name == COMMAND_VARIABLE
    }


def from_anywhere(environ: Mapping[str, str]) -> dict[str, str]:
    """Give the environment without the import path's entries that depend on the folder one is in.

    An agent runs its hooks in whatever repository it works on; that is no place for code of ours.
    """
    path = environ.get("PYTHONPATH", "").split(os.pathsep)
    kept = os.pathsep.join(entry for entry in path if os.path.isabs(entry))
    return {**environ, "PYTHONPATH": kept} if "PYTHONPATH" in environ else dict(environ)


def _absolute(path: str) -> str:
    """Give the import path as it is from anywhere; an empty entry is whatever folder one is in."""
    return os.pathsep.join(os.path.abspath(entry) for entry in path.split(os.pathsep) if entry)
