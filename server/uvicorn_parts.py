"""The parts of uvicorn that serve, without its front page.

`import uvicorn` loads its command line and its supervisors too: a tenth of all that a successor
loads before it can take over. They are loaded when somebody first asks the package for a name that
only they give (PEP 562), such as a hosted app that calls `uvicorn.run`.
"""

from __future__ import annotations

import importlib.util
import sys
import threading
from typing import Any


def open_without_front_page(name: str) -> None:
    """Put a package in place whose own code runs when it is first needed; one there stays."""
    spec = importlib.util.find_spec(name) if name not in sys.modules else None
    if spec is None or spec.loader is None:
        return
    loader, module = spec.loader, importlib.util.module_from_spec(spec)
    reading = threading.RLock()
    begun = False

    def read_then_get(asked: str) -> Any:
        nonlocal begun
        with reading:
            if not begun:
                begun = True
                loader.exec_module(module)
        try:
            return vars(module)[asked]
        except KeyError:
            raise AttributeError(f"module {name!r} has no attribute {asked!r}") from None

    vars(module)["__getattr__"] = read_then_get
    sys.modules[name] = module


open_without_front_page("uvicorn")

from uvicorn.config import Config  # noqa: E402 - behind the opened package

vars(sys.modules["uvicorn"])["Config"] = Config  # the one name that its own parts ask it for

from uvicorn.lifespan.on import LifespanOn  # noqa: E402
from uvicorn.protocols.http.h11_impl import H11Protocol  # noqa: E402
from uvicorn.server import ServerState  # noqa: E402

__all__ = ["Config", "H11Protocol", "LifespanOn", "ServerState"]
