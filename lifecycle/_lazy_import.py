"""Puts off a module's own code until somebody asks the module for a name (PEP 562).

For what another module imports at its top and hardly ever uses, on a way where milliseconds count.
"""

from __future__ import annotations

import sys
from importlib.machinery import PathFinder
from threading import RLock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType


def postpone(name: str) -> ModuleType | None:
    """Put a module in place whose code runs when it is first needed; None if it is there already.

    A module that can't be found is left for the import to complain of.
    """
    if name in sys.modules:
        return None
    parent = sys.modules.get(name.rpartition(".")[0])
    spec = PathFinder.find_spec(name, list(parent.__path__) if parent else None)
    if spec is None or spec.loader is None:
        return None
    loader, module = spec.loader, type(sys)(name)
    module.__spec__, module.__loader__, module.__file__ = spec, loader, spec.origin
    module.__package__ = spec.parent
    if spec.submodule_search_locations is not None:
        module.__path__ = spec.submodule_search_locations
    reading, begun = RLock(), False

    def read_then_get(asked: str) -> object:
        nonlocal begun
        with reading:
            if not begun:
                begun = True
                set_before = {n: v for n, v in vars(module).items() if v is not as_made.get(n)}
                loader.exec_module(module)
                vars(module).update(set_before)  # by somebody who had no need of its names
        try:
            return vars(module)[asked]
        except KeyError:
            raise AttributeError(f"module {name!r} has no attribute {asked!r}") from None

    vars(module)["__getattr__"] = read_then_get
    as_made = dict(vars(module))
    sys.modules[name] = module
    return module


class Unread:
    """While this lasts, an import of the module gets one whose code is put off.

    Afterwards the module is not there: whoever imports it next gets one of its own, as ever.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._ours: ModuleType | None = None

    def __enter__(self) -> None:
        self._ours = postpone(self._name)

    def __exit__(self, *_: object) -> None:
        if self._ours is not None and sys.modules.get(self._name) is self._ours:
            del sys.modules[self._name]
