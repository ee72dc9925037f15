"""Makes what a hook prints of what its app answered: one JSON object that the host accepts."""

from __future__ import annotations

import json

from .firing import tell

LIMIT_BYTES = 65_536  # what an agent reads goes into its context

# What each host takes at the top, looked up on 2026-11-25. One marks a hook failed for
# `suppressOutput`, which does nothing for another.
_EVERYWHERE = frozenset(
    {"continue", "decision", "hookSpecificOutput", "reason", "stopReason", "systemMessage"}
)
ACCEPTED = {
    "claude": _EVERYWHERE | {"suppressOutput"},
    "codex": _EVERYWHERE,
    "gemini": _EVERYWHERE | {"suppressOutput"},
}
# These want to be told again which event the hook answers.
NAME_THE_EVENT = frozenset({"claude", "codex"})


def printed(answer: bytes, event: str, host: str) -> bytes:
    """Give the line to print, for `host` or any where that is empty; b"" for nothing but `{}`.

    An answer that the host would choke on is told to people, never half of it to the host.
    """
    try:
        said = json.loads(answer)
        own = said.get("hook") if isinstance(said, dict) else None
    except (ValueError, RecursionError):
        return b""
    if own is None:
        return b""
    trouble = _trouble(own, event, host)
    line = b"" if trouble else json.dumps(own).encode() + b"\n"
    if len(line) > LIMIT_BYTES:
        trouble = f"it is over {LIMIT_BYTES} bytes"
    if trouble:
        tell(f"the app's answer to the hook is not passed on: {trouble}")
        return b""
    return line


def _trouble(own: object, event: str, host: str) -> str:
    """Give what is wrong with an answer, if anything."""
    if not isinstance(own, dict):
        return "it is no JSON object"
    if not host:
        return ""
    if odd := sorted(own.keys() - ACCEPTED[host]):
        return f"{host} does not take {', '.join(map(repr, odd))}"
    if "hookSpecificOutput" not in own:
        return ""
    specific = own["hookSpecificOutput"]
    if not isinstance(specific, dict):
        return "hookSpecificOutput is no object"
    named = specific.get("hookEventName", None if host in NAME_THE_EVENT else event)
    return "" if named == event else f"its hookEventName is {named!r}, the event {event!r}"
