"""The tools that an agent has of every worker: what it reads of each."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Schema = dict[str, Any]

STATUS, RESTART, RECENT_EVENTS, TRACE = "status", "restart", "recent_events", "trace"
EVENTS_LIMIT = 1000  # what the built-in app gives at once
EVENTS_DEFAULT = 20
LINES_LIMIT = 5000
LINES_DEFAULT = 200
PAYLOAD_LETTERS = 4000  # of a payload's JSON: an agent reads every one of them

_LINE = {"type": "object", "description": "one transition"}
_LINES = {"type": "array", "items": _LINE, "description": "the oldest first"}


def tools() -> "list[Schema]":
    """Give every tool as the protocol has it, schemas and annotations included."""
    return [
        _tool(
            STATUS,
            "Status of the worker",
            "What is on the worker's port: pid, version, uptime, workerPath. Changes nothing.",
            {},
            {
                "running": {"type": "boolean"},
                "pid": {"type": ["integer", "null"]},
                "version": {"type": ["string", "null"]},
                "state": {"type": ["string", "null"]},
                "uptime": {"type": ["number", "null"], "description": "seconds"},
                "workerPath": {"type": ["string", "null"]},
                "detail": {"type": "string", "description": "the same as a sentence"},
            },
        ),
        _tool(
            RESTART,
            "Restart of the worker, proved",
            "Replaces the worker without refusing a request, and proves it: another process of "
            "the expected version answers. Gives every transition on the way.",
            {
                "timeout": {
                    "type": "number",
                    "exclusiveMinimum": 0,
                    "description": "seconds that it may take",
                }
            },
            {
                "said": {"type": "string", "description": "the proof"},
                "pid": {"type": "integer"},
                "version": {"type": "string"},
                "trace": _LINES,
            },
            reads=False,
        ),
        _tool(
            RECENT_EVENTS,
            "Events recorded last",
            "The last events that hooks brought to the worker, the oldest first.",
            {"limit": _whole(f"how many, {EVENTS_DEFAULT} unless told", EVENTS_LIMIT)},
            {"events": {"type": "array", "items": {"type": "object"}}},
        ),
        _tool(
            TRACE,
            "Journal of transitions",
            "The journal: the last transitions of every launcher and worker, the oldest first.",
            {
                "limit": _whole(f"how many, {LINES_DEFAULT} unless told", LINES_LIMIT),
                "run": {"type": "string", "description": "only this run"},
            },
            {"trace": _LINES},
        ),
    ]


def instructions(name: str, command: str) -> str:
    """Give what an agent is told of the whole before it knows any tool."""
    return (
        f"{name} keeps exactly one background worker for this user. `{STATUS}` says whether it "
        f"runs; `{RESTART}` replaces it and proves that; `{RECENT_EVENTS}` are the hook events it "
        f"was given; `{TRACE}` is what happened to it. People have the same as `{command} "
        f"{STATUS}`, `{command} {RESTART}`, `{command} {TRACE}`; `{command} doctor` says what is "
        "wrong and what to type."
    )


def shortened(event: "Schema", as_text: str) -> "Schema":
    """Give an event whose payload, `as_text` in JSON, is no longer than an agent wants to read."""
    if len(as_text) <= PAYLOAD_LETTERS:
        return event
    return event | {
        "payload": None,
        "shortened": as_text[:PAYLOAD_LETTERS],
        "letters": len(as_text),
    }


def _tool(
    name: str, title: str, description: str, takes: "Schema", gives: "Schema", reads: bool = True
) -> "Schema":
    answer = {"ok": {"type": "boolean"}, "error": {"type": "string"}}
    return {
        "name": name,
        "title": title,
        "description": description,
        "inputSchema": {"type": "object", "properties": takes, "additionalProperties": False},
        "outputSchema": {"type": "object", "properties": answer | gives, "required": ["ok"]},
        "annotations": {
            "title": title,
            "readOnlyHint": reads,
            "destructiveHint": False,
            "idempotentHint": reads,
            "openWorldHint": False,
        },
    }


def _whole(description: str, most: int) -> "Schema":
    return {"type": "integer", "minimum": 1, "maximum": most, "description": description}
