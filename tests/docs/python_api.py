"""Writes docs/python.md from the docstrings of `incumbent.lifecycle`.

Run as `python -m tests.docs.python_api`; a test holds the page against what this gives.
"""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path
from types import GenericAlias
from typing import Any

lifecycle = importlib.import_module("incumbent.lifecycle")
PAGE = Path(__file__).parents[2] / "docs" / "python.md"
WIDTH = 100
CALLS = ("ensure_running", "ensure_running_async", "restart", "stop", "status")
GIVEN_BACK = ("Health", "ProbeResult")
HEAD = """\
# From Python

<!-- Written by `python -m tests.docs.python_api` from the docstrings: change those. -->

{promise} Everything here comes from `incumbent.lifecycle`.
How a tool uses it: the [README](../README.md); settings with their defaults: [files.md](files.md).
"""


def page() -> str:
    """Give the whole page."""
    errors = sorted(set(lifecycle.__all__) - {*CALLS, *GIVEN_BACK, "Worker", "__version__"})
    parts = [HEAD.format(promise=inspect.getdoc(lifecycle))]
    parts += ["## What to run", *_class("Worker")]
    parts += ["## Calls", *(part for name in CALLS for part in _function(name))]
    parts += ["## What they give", *(part for name in GIVEN_BACK for part in _class(name))]
    parts += ["## Errors", *(part for name in errors for part in _class(name))]
    parts += ["`__version__` is the version of this incumbent."]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def _function(name: str) -> list[str]:
    call = getattr(lifecycle, name)
    prefix = "async " if inspect.iscoroutinefunction(call) else ""
    return [f"### {name}", _signature(f"{prefix}{name}", call), inspect.getdoc(call) or ""]


def _class(name: str) -> list[str]:
    kind = getattr(lifecycle, name)
    parts = [f"### {name}"]
    base = kind.__bases__[0]
    if issubclass(kind, Exception):
        parts.append(f"A kind of `{base.__name__}`.")
    if name not in GIVEN_BACK and kind.__init__ is not base.__init__:
        parts.append(_signature(name, kind.__init__))
    parts.append(inspect.getdoc(kind) or "")
    if name in GIVEN_BACK:
        public = [one for one in kind.__slots__ if not one.startswith("_")]
        parts.append("Attributes: " + ", ".join(f"`{one}`" for one in public) + ".")
    members = []
    for member, value in vars(kind).items():
        if not member.startswith("_") and (
            inspect.isfunction(value) or isinstance(value, property)
        ):
            called = "" if isinstance(value, property) else _arguments(value)
            members.append(f"- `{member}{called}`: {_one_line(value)}")
    return parts + (["\n".join(members)] if members else [])


def _one_line(member: Any) -> str:
    return (inspect.getdoc(member) or "").partition("\n\n")[0].replace("\n", " ")


def _signature(name: str, call: Any) -> str:
    said = f"{name}{_arguments(call)}"
    if len(said) > WIDTH:
        inside = "".join(f"    {one},\n" for one in _parameters(call))
        said = f"{name}(\n{inside}){_given(call)}"
    return f"```python\n{said}\n```"


def _arguments(call: Any) -> str:
    return f"({', '.join(_parameters(call))}){_given(call)}"


def _given(call: Any) -> str:
    given = inspect.signature(call).return_annotation
    return "" if given in (None, "None", inspect.Signature.empty) else f" -> {_told(given)}"


def _told(annotation: Any) -> str:
    """Give an annotation as people write it."""
    if isinstance(annotation, type) and not isinstance(annotation, GenericAlias):
        return annotation.__name__
    return re.sub(r"incumbent\.[\w.]*\.", "", str(annotation))


def _parameters(call: Any) -> list[str]:
    """Give each parameter as the source has it; `self` is nobody's to pass."""
    found: list[str] = []
    named_only = False
    for parameter in inspect.signature(call).parameters.values():
        if parameter.name == "self":
            continue
        if parameter.kind is parameter.KEYWORD_ONLY and not named_only:
            named_only = True
            found.append("*")
        star = "*" if parameter.kind is parameter.VAR_POSITIONAL else ""
        kind = "" if parameter.annotation is parameter.empty else f": {_told(parameter.annotation)}"
        set_to = parameter.default
        told = f'"{set_to}"' if isinstance(set_to, str) else repr(set_to)
        default = "" if set_to is parameter.empty else f" = {told}"
        found.append(f"{star}{parameter.name}{kind}{default}")
    return found


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
