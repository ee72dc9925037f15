"""Does what an agent may ask of the worker, each answer one JSON object."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from incumbent.lifecycle import ensure_running, runs
from incumbent.lifecycle import status as look
from incumbent.lifecycle.about import command
from incumbent.lifecycle.client.deliver import EVENTS_PATH
from incumbent.lifecycle.client.http import (
    AnotherUserError,
    Connection,
    DarkError,
    NotHttpError,
    SilentError,
)
from incumbent.lifecycle.client.proof import UnprovedError, ask_for_events
from incumbent.lifecycle.data_dir import DataDir
from incumbent.lifecycle.errors import IncumbentError, NotVerifiedError
from incumbent.lifecycle.journal import Follower, Line, parsed, read_journal
from incumbent.lifecycle.messages import printable, say
from incumbent.lifecycle.settings import Worker

from .status_answer import as_answer, exit_code
from .trace_reader import of_this_restart

ORIGIN = "mcp"
ANSWER_S = 10.0  # for one question to the app, across a restart that is under way
PAUSE_S = 0.05
EVENTS_LIMIT = 1000  # what the built-in app gives at once
EVENTS_DEFAULT = 20
LINES_LIMIT = 5000
LINES_DEFAULT = 200
PAYLOAD_LETTERS = 4000  # of a payload's JSON: an agent reads every one of them

Answer = dict[str, object]
Number = TypeVar("Number", int, float)


class ToolError(IncumbentError):
    """The tool can't answer this; the sentence says why."""


def bring_up(worker: Worker) -> None:
    """Have the worker up before anybody asks; what stands in the way is told on stderr."""
    try:
        ensure_running(worker, origin=ORIGIN)
    except Exception as error:  # the tools are there all the same, and tell it again
        say([str(error) or repr(error)])


def status(worker: Worker, _: Answer) -> Answer:
    """Give what one probe saw; it changes nothing."""
    seen = look(worker)
    return {"ok": True} | as_answer(seen, worker, exit_code(seen))


def restart(worker: Worker, given: Answer) -> Answer:
    """Replace the worker; give the proof with every transition on the way."""
    timeout = _number(given, "timeout", float, 1e6)
    follower = Follower(DataDir(worker.data_dir).trace)
    lines: list[Line] = []

    def collect() -> None:
        lines.extend(line for line in follower.new_lines() if of_this_restart(line))

    try:
        health = runs.restart(worker, timeout=timeout, origin=ORIGIN, watching=collect)
    except NotVerifiedError as error:
        return {"ok": False, "error": str(error), "event": error.event, "trace": lines}
    finally:
        collect()
        follower.close()
    proof = f"Worker restart verified (pid={health.pid}, version={health.version})"
    return {
        "ok": True,
        "said": proof,
        "pid": health.pid,
        "version": health.version,
        "trace": lines,
    }


def recent_events(worker: Worker, given: Answer) -> Answer:
    """Give the last events that the worker recorded, the oldest first."""
    limit = _number(given, "limit", int, EVENTS_LIMIT) or EVENTS_DEFAULT
    status, body = _asked(worker, f"{EVENTS_PATH}?last={limit}")
    if status != 200:
        raise ToolError(
            f"the app {worker.app} answered {status} to GET {EVENTS_PATH}; "
            "only an app that records events can be asked for them"
        )
    try:
        events = json.loads(body)["events"]
        return {"ok": True, "events": [_shortened(event) for event in events[-limit:]]}
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ToolError(
            f"the app answered GET {EVENTS_PATH} with something else: {error}"
        ) from error


def trace(worker: Worker, given: Answer) -> Answer:
    """Give the last transitions of every machine, the oldest first."""
    limit = _number(given, "limit", int, LINES_LIMIT) or LINES_DEFAULT
    run = given.get("run")
    older, current = read_journal(DataDir(worker.data_dir).trace)
    lines = [line for line in parsed((older or b"") + current) if run in (None, line.get("run"))]
    return {"ok": True, "trace": lines[-limit:]}


class Tool(NamedTuple):
    """One tool: what an agent reads of it, what it does."""

    name: str
    description: str
    takes: dict[str, dict[str, object]]
    changes: bool
    act: Callable[[Worker, Answer], Answer]

    @property
    def schema(self) -> dict[str, object]:
        """The JSON schema of its arguments."""
        return {"type": "object", "properties": self.takes, "additionalProperties": False}


def _whole(description: str, most: int) -> dict[str, object]:
    return {"type": "integer", "minimum": 1, "maximum": most, "description": description}


TOOLS = (
    Tool(
        "status",
        "What is on the worker's port: pid, version, uptime, workerPath. Changes nothing.",
        {},
        False,
        status,
    ),
    Tool(
        "restart",
        "Replaces the worker without refusing a request, and proves it: another process of the "
        "expected version answers. Gives every transition on the way.",
        {
            "timeout": {
                "type": "number",
                "exclusiveMinimum": 0,
                "description": "seconds that it may take",
            }
        },
        True,
        restart,
    ),
    Tool(
        "recent_events",
        "The last events that hooks brought to the worker, the oldest first.",
        {"limit": _whole(f"how many, {EVENTS_DEFAULT} unless told", EVENTS_LIMIT)},
        False,
        recent_events,
    ),
    Tool(
        "trace",
        "The journal: the last transitions of every launcher and worker, the oldest first.",
        {
            "limit": _whole(f"how many, {LINES_DEFAULT} unless told", LINES_LIMIT),
            "run": {"type": "string", "description": "only this run"},
        },
        False,
        trace,
    ),
)


def answered(tool: Tool, worker: Worker, given: Answer) -> Answer:
    """Give the tool's answer, or why there is none, with the next command to type."""
    try:
        unknown = sorted(set(given) - set(tool.takes))
        if unknown:
            raise ToolError(f"`{tool.name}` takes no {', '.join(unknown)}")
        answer = tool.act(worker, given)
    except (IncumbentError, OSError) as error:
        answer = {"ok": False, "error": str(error), "event": getattr(error, "event", "")}
    if not answer["ok"]:
        sentence = str(answer["error"])
        if "`" not in sentence:
            sentence += f"; run `{command()} doctor`"
        answer["error"] = printable(sentence)
    return answer


def _number(given: Answer, name: str, kind: type[Number], most: float) -> Number | None:
    value = given.get(name)
    if value is None:
        return None
    if isinstance(value, (int, kind)) and not isinstance(value, bool) and 0 < value <= most:
        return kind(value)
    raise ToolError(f"`{name}` is {value!r}, expected a positive number up to {most:g}")


def _asked(worker: Worker, path: str) -> tuple[int, bytes]:
    """Ask the app of the worker that should run, also while one takes over from another."""
    deadline = time.monotonic() + ANSWER_S
    while True:
        health = ensure_running(worker, origin=ORIGIN)
        here = health.is_at(worker.host, worker.port)
        address = (worker.host, worker.port) if here else (health.host, health.port)
        left = max(deadline - time.monotonic(), PAUSE_S)
        try:
            connection = Connection(*address, left)
            try:
                status, _, body, refused = ask_for_events(connection, worker.data_dir, "GET", path)
            finally:
                connection.close()
            if not refused:
                return status, body
            why = f"it answers {refused}"
        except AnotherUserError as error:
            raise ToolError(f"{error}; nothing was asked") from error
        except (OSError, DarkError, SilentError, NotHttpError, UnprovedError) as error:
            why = str(error) or repr(error)
        if time.monotonic() + PAUSE_S >= deadline:
            raise ToolError(f"the worker does not answer GET {path}: {why}")
        time.sleep(PAUSE_S)


def _shortened(event: Answer) -> Answer:
    text = json.dumps(event.get("payload"))
    if len(text) <= PAYLOAD_LETTERS:
        return event
    return event | {"payload": None, "shortened": text[:PAYLOAD_LETTERS], "letters": len(text)}
