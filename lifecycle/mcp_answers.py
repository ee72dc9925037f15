"""Makes the answers to an agent that the bridge gives in the same words as the worker itself."""

from __future__ import annotations

import json

from . import mcp_tools
from .client.deliver import EVENTS_PATH
from .data_dir import DataDir
from .errors import IncumbentError
from .journal import parsed, read_journal

Answer = dict[str, object]


class ToolError(IncumbentError):
    """The tool can't answer this; the sentence says why."""


def last_events(app: str, status: int, body: bytes, limit: int) -> Answer:
    """Give the last events, the oldest first, from what the app said when it was asked for them.

    `app` is what a sentence calls it. Raises ToolError.
    """
    if status != 200:
        raise ToolError(
            f"{app} answered {status} to GET {EVENTS_PATH}; "
            "only an app that records events can be asked for them"
        )
    try:
        events = json.loads(body)["events"][-limit:]
        shown = [mcp_tools.shortened(event, json.dumps(event.get("payload"))) for event in events]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ToolError(
            f"the app answered GET {EVENTS_PATH} with something else: {error}"
        ) from error
    return {"ok": True, "events": shown}


def last_lines(data_dir: str, run: object, limit: int) -> Answer:
    """Give the last transitions of every machine, or of one run, the oldest first."""
    older, current = read_journal(DataDir(data_dir).trace)
    lines = [line for line in parsed((older or b"") + current) if run in (None, line.get("run"))]
    return {"ok": True, "trace": lines[-limit:]}
