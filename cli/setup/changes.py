"""Plans what is written into a host's files, or taken back, before anything is."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from typing import Any, NamedTuple

from . import files
from .hosts import Host
from .json_text import JsonTextError, parsed, with_value, without

BACKUP = ".before-{name}"


class Command(NamedTuple):
    """How a host calls us: the service's name, the words before a command's own."""

    name: str
    words: tuple[str, ...]
    shown: str  # the words as a shell takes them


class Change(NamedTuple):
    """One file as it is and as it would be; None for no file. `left` says what stays, and why."""

    path: str
    before: str | None
    after: str | None
    left: tuple[str, ...]

    @property
    def is_one(self) -> bool:
        """Whether anything is different afterwards."""
        return self.before != self.after

    def diff(self) -> list[str]:
        """Give it as people read it."""
        before, after = ((text or "").splitlines() for text in (self.before, self.after))
        return list(difflib.unified_diff(before, after, self.path, self.path, lineterm=""))


def planned(
    host: Host, command: Command, environ: Mapping[str, str], remove: bool = False
) -> list[Change]:
    """Give every change, to be made or taken back; raises DotFileError."""
    hooks, servers = host.paths(environ)
    if hooks == servers:
        return [_change(hooks, command, remove, host, hooks=True, server=True)]
    return [
        _change(hooks, command, remove, host, hooks=True),
        _change(servers, command, remove, host, server=True),
    ]


def make(changes: list[Change], name: str, remove: bool) -> None:
    """Write every change, with a copy of the file as it was; raises DotFileError."""
    for change in changes:
        if not change.is_one:
            continue
        copy = change.path + BACKUP.format(name=name)
        if not remove and change.before is not None:
            files.write(copy, change.before)
        files.write(change.path, change.after)
        if remove and files.read(copy) is not None:
            files.write(copy, None)


def _change(
    path: str, command: Command, remove: bool, host: Host, hooks: bool = False, server: bool = False
) -> Change:
    before = files.read(path)
    toml = path.endswith(".toml")

    def put(text: str | None) -> tuple[str, list[str]]:
        if toml:
            return _put_toml(path, text or "", command)
        return _put(path, text or "", command, host, hooks, server)

    if not remove:
        after, left = put(before)
        return Change(path, before, after, tuple(left))
    if before is None:
        return Change(path, None, None, ())
    original = files.read(path + BACKUP.format(name=command.name))
    take = _take_toml if toml else _take
    was_without_us = original is None or take(path, original, command, host) == (original, [])
    if was_without_us and put(original)[0] == before:
        return Change(path, before, original, ())
    after, left = take(path, before, command, host)
    return Change(path, before, after, tuple(left))


def _document(path: str, text: str) -> dict[str, Any]:
    try:
        found = parsed(text).value
    except (JsonTextError, RecursionError) as error:
        raise files.DotFileError(path, f"{error}; mend it first") from error
    if not isinstance(found, dict):
        raise files.DotFileError(path, "it is no JSON object")
    return found


def _put(
    path: str, text: str, command: Command, host: Host, hooks: bool, server: bool
) -> tuple[str, list[str]]:
    text = "{}\n" if _is_blank(text) else text
    left: list[str] = []
    found = _document(path, text)
    if hooks:
        listed = _within(path, found, "hooks", dict)
        for event in host.events:
            entries = _within(path, listed, event, list)
            wanted = host.entry(event, _hook(command, event, host))
            if any(_is_ours(entry, command) for entry in entries):
                if wanted not in entries:
                    left.append(f"{path}: the hook of {event} is there already, otherwise")
                continue
            text = with_value(text, ("hooks", event), None, wanted)
    if server:
        servers = _within(path, found, "mcpServers", dict)
        if command.name not in servers:
            text = with_value(text, ("mcpServers",), command.name, _server(command))
        elif servers[command.name] != _server(command):
            left.append(f"{path}: the MCP server {command.name} is there already, otherwise")
    return text, left


def _take(path: str, text: str, command: Command, host: Host) -> tuple[str, list[str]]:
    left: list[str] = []
    if _is_blank(text):
        return text, left
    found = _document(path, text)
    for event, entries in _within(path, found, "hooks", dict).items():
        for number, entry in reversed(
            list(enumerate(entries if isinstance(entries, list) else []))
        ):
            if entry == host.entry(event, _hook(command, event, host)):
                text = without(text, ("hooks", event, number))
            elif _is_ours(entry, command):
                left.append(f"{path}: the hook of {event} was changed, so it stays")
    servers = _within(path, found, "mcpServers", dict)
    if servers.get(command.name) == _server(command):
        text = without(text, ("mcpServers", command.name))
    elif command.name in servers:
        left.append(f"{path}: the MCP server {command.name} was changed, so it stays")
    return text, left


def _is_blank(text: str) -> bool:
    return not text.strip("\ufeff \t\r\n")


def _within(path: str, found: dict[str, Any], name: str, kind: type) -> Any:
    value = found.get(name, kind())
    if not isinstance(value, kind):
        raise files.DotFileError(path, f"{name!r} in it is of another kind than {kind.__name__}")
    return value


def _hook(command: Command, event: str, host: Host) -> str:
    return f"{command.shown} hook {event} --for {host.name}"


def _is_ours(entry: object, command: Command) -> bool:
    """Whether one of an entry's hooks calls us, however it was changed otherwise."""
    hooks = entry.get("hooks") if isinstance(entry, dict) else None
    calls = [hook.get("command") for hook in hooks or [] if isinstance(hook, dict)]
    begins = f"{command.shown} hook "
    return any(isinstance(call, str) and call.startswith(begins) for call in calls)


def _server(command: Command) -> dict[str, Any]:
    first, *words = command.words
    return {"command": first, "args": [*words, "mcp"]}


def _table(command: Command) -> str:
    first, *words = (_quoted(word) for word in (*command.words, "mcp"))
    return (
        f"[mcp_servers.{_quoted(command.name)}]\ncommand = {first}\nargs = [{', '.join(words)}]\n"
    )


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _toml(path: str, text: str, command: Command) -> Any:
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise files.DotFileError(path, f"it is no TOML ({error}); mend it first") from error
    return _within(path, found, "mcp_servers", dict).get(command.name)


def _put_toml(path: str, text: str, command: Command) -> tuple[str, list[str]]:
    there = _toml(path, text, command)
    if there is None:
        gap = "" if not text else "\n" if text.endswith("\n") else "\n\n"
        return text + gap + _table(command), []
    if there == _server(command):
        return text, []
    return text, [f"{path}: the MCP server {command.name} is there already, otherwise"]


def _take_toml(path: str, text: str, command: Command, _: Host) -> tuple[str, list[str]]:
    there = _toml(path, text, command)
    if there == _server(command) and text.count(_table(command)) == 1:
        head, tail = text.split(_table(command))
        return (head[:-1] if head.endswith("\n\n") else head) + tail, []
    left = [f"{path}: the MCP server {command.name} was changed, so it stays"]
    return text, left if there is not None else []
