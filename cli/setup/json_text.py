"""Changes single values in the text of a JSON file, whose every other byte stays as it is."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

INDENT = "  "


class Span(NamedTuple):
    """Where a value stands in the text, and those within it: by name, or by number."""

    start: int
    end: int
    value: Any
    within: dict[Any, Span]
    keys: dict[Any, int]  # where the name of each begins


class JsonTextError(ValueError):
    """The text is no JSON; the sentence says where."""

    def __init__(self, text: str, at: int) -> None:
        super().__init__(text, at)
        self.line = text.count("\n", 0, at) + 1

    def __str__(self) -> str:
        return f"line {self.line} is no JSON"


def parsed(text: str) -> Span:
    """Give the value that the text is, comments passed over; raises JsonTextError."""
    start = _passed(text, 1 if text[:1] == "\ufeff" else 0)
    span = _value(text, start)
    end = _passed(text, span.end)
    if end != len(text):
        raise JsonTextError(text, end)
    return span


def with_value(text: str, path: tuple[str, ...], key: str | None, value: object) -> str:
    """Give the text with a value added: under a name, or at the end of a list without one.

    What is missing on the path is made.
    """
    inside = parsed(text)
    missing = list(path)
    while missing and missing[0] in inside.within:
        inside = inside.within[missing.pop(0)]
    added: Any = [value] if key is None else {key: value}
    if missing:
        key, *deeper = missing
        for name in reversed(deeper):
            added = {name: added}
        value = added
    return _inserted(text, inside, key, value)


def without(text: str, path: tuple[Any, ...]) -> str:
    """Give the text without the value at this path, and without what is empty then."""
    inside = parsed(text)
    chain = [inside]
    for name in path:
        chain.append(chain[-1].within[name])
    depth = len(path)
    while depth > 1 and len(chain[depth - 1].within) == 1:
        depth -= 1
    holder, name = chain[depth - 1], path[depth - 1]
    names = list(holder.within)
    at = names.index(name)
    start = holder.keys[name]
    if len(names) == 1:
        return text[: holder.start + 1] + text[holder.end - 1 :]
    if at + 1 < len(names):
        return text[:start] + text[holder.keys[names[at + 1]] :]
    return text[: holder.within[names[at - 1]].end] + text[holder.within[name].end :]


def _inserted(text: str, holder: Span, key: str | None, value: object) -> str:
    shown = json.dumps(value, indent=INDENT, ensure_ascii=False)
    if key is not None:
        shown = f"{json.dumps(key, ensure_ascii=False)}: {shown}"
    if holder.within:
        last = list(holder.within.values())[-1]
        first = next(iter(holder.keys.values()))
        line = text.rfind("\n", holder.start, first)
        if line < 0:
            return f"{text[: last.end]}, {shown}{text[last.end :]}"
        indent = text[line + 1 : first]
        indent = indent[: len(indent) - len(indent.lstrip())]
        shown = shown.replace("\n", "\n" + indent)
        return f"{text[: last.end]},\n{indent}{shown}{text[last.end :]}"
    outer = text[text.rfind("\n", 0, holder.start) + 1 : holder.start]
    outer = outer[: len(outer) - len(outer.lstrip())]
    shown = shown.replace("\n", "\n" + outer + INDENT)
    head, tail = text[: holder.start + 1], text[holder.end - 1 :]
    return f"{head}\n{outer}{INDENT}{shown}\n{outer}{tail}"


def _passed(text: str, at: int) -> int:
    """Give where the next thing begins, behind white space with comments."""
    while at < len(text):
        if text[at] in " \t\r\n":
            at += 1
        elif text.startswith("//", at):
            end = text.find("\n", at)
            at = len(text) if end < 0 else end
        elif text.startswith("/*", at):
            end = text.find("*/", at)
            if end < 0:
                raise JsonTextError(text, at)
            at = end + 2
        else:
            break
    return at


def _value(text: str, at: int) -> Span:
    opening = text[at : at + 1]
    if opening not in ("{", "["):
        try:
            value, end = _DECODER.raw_decode(text, at)
        except ValueError as error:
            raise JsonTextError(text, at) from error
        return Span(at, end, value, {}, {})
    closing = "}" if opening == "{" else "]"
    within: dict[Any, Span] = {}
    keys: dict[Any, int] = {}
    start, at = at, _passed(text, at + 1)
    while text[at : at + 1] != closing:
        begins, name = at, len(within)
        if opening == "{":
            named = _value(text, at)
            at = _passed(text, named.end)
            if not isinstance(named.value, str) or text[at : at + 1] != ":":
                raise JsonTextError(text, at)
            name, at = named.value, _passed(text, at + 1)  # type: ignore[assignment]
        keys[name], within[name] = begins, _value(text, at)
        at = _passed(text, within[name].end)
        if text[at : at + 1] == ",":
            at = _passed(text, at + 1)
        elif text[at : at + 1] != closing:
            raise JsonTextError(text, at)
    if opening == "{":
        return Span(start, at + 1, {n: s.value for n, s in within.items()}, within, keys)
    return Span(start, at + 1, [s.value for s in within.values()], within, keys)


_DECODER = json.JSONDecoder()
