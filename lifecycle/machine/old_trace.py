"""Reads the lines that the first edition wrote into a trace, in the words of this one."""

from __future__ import annotations

from typing import Any

from . import states

_KEYS = {"door": "origin"}
_EVENTS = {
    "understudy_spawned": "standby_spawned",
    "understudy_ready": "standby_ready",
    "understudy_failed": "standby_failed",
    "understudy_gone": "standby_gone",
    "baton": "socket_received",
    "baton_passed": "socket_passed",
    "lease_gone": "token_gone",
}
# Ways that 0.1.0 had and the tables have no more: it named no holder of a serve lock.
ROWS_THEN = frozenset(
    {
        ("pid_written", states.BOUND, states.STARTING),
        ("stop_asked", states.BOUND, states.STOPPED),
        ("pid_written", states.ADOPTED, states.STARTING),
        ("pid_removed", states.APP_DOWN, states.PASSING_SOCKET),
        ("closed", states.PASSING_SOCKET, states.SPAWNING),
        ("pid_written", states.RESUMING, states.RESUMING_PID_WRITTEN),
    }
)
_VALUES = {"from": states.OF_FIRST_EDITION, "to": states.OF_FIRST_EDITION, "event": _EVENTS}


def in_words_of_today(line: dict[str, Any]) -> dict[str, Any]:
    """Give a line of any edition in today's words; a line that names its format is left as it is.

    Two editions write one file while they hand over, so each line is judged by itself.
    """
    if "format" in line:
        return line
    return {_KEYS.get(key, key): _today(key, value) for key, value in line.items()}


def _today(key: str, value: Any) -> Any:
    return _VALUES[key].get(value, value) if key in _VALUES and isinstance(value, str) else value
