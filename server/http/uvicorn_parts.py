"""The parts of uvicorn that serve, without its front page.

`import uvicorn` loads its command line and its supervisors too: a tenth of all that a successor
loads before it can take over. They are loaded when somebody first asks the package for a name that
only they give, such as a hosted app that calls `uvicorn.run`.
"""

from __future__ import annotations

import sys

from incumbent.lifecycle._lazy_import import postpone

postpone("uvicorn")

from uvicorn.config import Config  # noqa: E402 - behind the postponed package

vars(sys.modules["uvicorn"])["Config"] = Config  # the one name that its own parts ask it for

from uvicorn.lifespan.on import LifespanOn  # noqa: E402
from uvicorn.protocols.http.httptools_impl import (  # noqa: E402
    HttpToolsProtocol,
    RequestResponseCycle,
)
from uvicorn.server import ServerState  # noqa: E402

__all__ = ["Config", "HttpToolsProtocol", "LifespanOn", "RequestResponseCycle", "ServerState"]
