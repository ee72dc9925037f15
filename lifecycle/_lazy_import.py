"""Puts off a module's own code until somebody asks the module for a name (PEP 562).

For what another module imports at its top and hardly ever uses, on a way where milliseconds count.
"""

from __future__ import annotations

import builtins
import sys
from importlib import import_module
from importlib.machinery import PathFinder
from threading import RLock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from importlib.machinery import ModuleSpec
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


class Given:
    """While this lasts, one module is loaded with these in place of what it imports.

    Nobody else's imports see them, whatever other threads load meanwhile. A module that is loaded
    already stays as it is.
    """

    def __init__(self, module: str, instead: Mapping[str, object]) -> None:
        self._module = module
        self._instead = instead

    def __enter__(self) -> None:
        sys.meta_path.insert(0, self)  # type: ignore[arg-type]  # one method is all it needs

    def __exit__(self, *_: object) -> None:
        sys.meta_path.remove(self)  # type: ignore[arg-type]  # as above

    def find_spec(self, name: str, path: Sequence[str] | None, target: object = None) -> object:
        """Give the module's own spec, with us as its loader; None for any other module."""
        del target
        if name != self._module:
            return None
        spec = PathFinder.find_spec(name, path)
        if spec is not None and spec.loader is not None:
            self._loader, spec.loader = spec.loader, self  # type: ignore[assignment]  # as above
        return spec

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Leave it to the module's own loader."""
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """Run the module's own code with an `__import__` of ours."""
        vars(module)["__builtins__"] = vars(builtins) | {"__import__": self._import}
        self._loader.exec_module(module)

    def _import(self, name: str, *given: object) -> object:
        if name in self._instead:
            return self._instead[name]
        return builtins.__import__(name, *given)  # type: ignore[arg-type]  # as it came


class Later:
    """Stands for a module until somebody asks it for a name; then that is imported."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, asked: str) -> object:
        return getattr(import_module(self._name), asked)


class LaterClass:
    """Stands for a class that is called, or asked for a name, hardly ever; for nothing else."""

    def __init__(self, module: str, name: str) -> None:
        self._module, self._class = module, name

    def __call__(self, *given: object, **named: object) -> object:
        return getattr(import_module(self._module), self._class)(*given, **named)

    def __getattr__(self, asked: str) -> object:
        return getattr(getattr(import_module(self._module), self._class), asked)
