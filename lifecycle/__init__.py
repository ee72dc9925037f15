"""Exactly one background worker: the public calls with their errors."""

import sys

from . import about

if sys.platform == "win32":
    raise ImportError("incumbent needs POSIX sockets and file locks: use Linux, macOS or WSL")

__version__ = about.VERSION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .api import ensure_running, ensure_running_async, restart, status, stop
    from .errors import (
        FilesError,
        IncumbentError,
        NotVerifiedError,
        SettingsError,
        StopError,
        TrustError,
    )
    from .health import Health, ProbeResult
    from .settings import Worker

__all__ = [
    "FilesError",
    "Health",
    "IncumbentError",
    "NotVerifiedError",
    "ProbeResult",
    "SettingsError",
    "StopError",
    "TrustError",
    "Worker",
    "__version__",
    "ensure_running",
    "ensure_running_async",
    "restart",
    "status",
    "stop",
]

_HOMES = {
    "Worker": "settings",
    "Health": "health",
    "ProbeResult": "health",
    "ensure_running": "api",
    "ensure_running_async": "api",
    "restart": "api",
    "status": "api",
    "stop": "api",
}


def __getattr__(name: str) -> object:
    """Import a public name when it is first asked for: a hook pays for what it uses."""
    if name not in __all__:
        raise AttributeError(name)
    home = _HOMES.get(name, "errors")
    value = getattr(__import__(f"{__name__}.{home}", fromlist=[name]), name)
    globals()[name] = value
    return value
