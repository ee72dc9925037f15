"""The parts of uvicorn that serve, without its front page.

`import uvicorn` loads its command line and its supervisors too: a tenth of all that a successor
loads before it can take over. They are loaded when somebody first asks the package for a name that
only they give, such as a hosted app that calls `uvicorn.run`. So it is with `logging.config`, which
uvicorn asks for in its own front page only, and with two classes that its configuration has for
settings that we do not give. Its server is not loaded at all: the protocols name one class of it,
and only as a type.
"""

from __future__ import annotations

import logging
import sys
from typing import Any

from incumbent.lifecycle._lazy_import import Given, LaterClass, postpone


class ServerState:
    """What the connections of one server share, under the names that uvicorn's protocols use."""

    def __init__(self) -> None:
        self.total_requests = 0
        self.connections: set[Any] = set()
        self.tasks: set[Any] = set()
        self.default_headers: list[tuple[bytes, bytes]] = []


postpone("uvicorn")
_later = postpone("logging.config")
if _later is not None:
    vars(logging)["config"] = _later  # as its import would
_server = type(sys)("uvicorn.server")
vars(_server)["ServerState"] = ServerState
sys.modules.setdefault("uvicorn.server", _server)


class _Configparser:
    """A type of a setting that we do not give."""

    RawConfigParser = LaterClass("configparser", "RawConfigParser")


class _Pathlib:
    """For the folders that uvicorn reloads from: those of a command line."""

    Path = LaterClass("pathlib", "Path")


with Given("uvicorn.config", {"configparser": _Configparser, "pathlib": _Pathlib}):
    from uvicorn.config import Config  # behind the postponed package

vars(sys.modules["uvicorn"])["Config"] = Config  # the one name that its own parts ask it for

from uvicorn.lifespan.on import LifespanOn  # noqa: E402
from uvicorn.protocols.http.httptools_impl import (  # noqa: E402
    HttpToolsProtocol,
    RequestResponseCycle,
)

if sys.modules["uvicorn.server"] is _server:
    del sys.modules["uvicorn.server"]  # whoever imports it gets the real one

__all__ = ["Config", "HttpToolsProtocol", "LifespanOn", "RequestResponseCycle", "ServerState"]
