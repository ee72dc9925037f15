"""Does what the bridge's own tools say, each answer one JSON object."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from incumbent.lifecycle import ensure_running, mcp_tools, runs
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
from incumbent.lifecycle.journal import Follower, Line
from incumbent.lifecycle.mcp_answers import Answer, ToolError, last_events, last_lines
from incumbent.lifecycle.messages import printable
from incumbent.lifecycle.settings import Worker

from ..outcome import restarted
from ..status_answer import as_answer, exit_code
from ..trace_reader import of_this_restart

ORIGIN = "mcp"
ANSWER_S = 10.0  # for one question to the app, across a restart that is under way
PAUSE_S = 0.05

Progress = Callable[[int, str], None]  # told how much was done, with a sentence
Number = TypeVar("Number", int, float)


def status(worker: Worker, _: Answer, __: Progress) -> Answer:
    """Give what one probe saw; it changes nothing."""
    seen = look(worker)
    return {"ok": True} | as_answer(seen, worker, exit_code(seen))


def restart(worker: Worker, given: Answer, progress: Progress) -> Answer:
    """Replace the worker; give the proof with every transition on the way."""
    timeout = _number(given, "timeout", float, 1e6)
    follower = Follower(DataDir(worker.data_dir).trace)
    lines: list[Line] = []

    def collect() -> None:
        for line in follower.new_lines():
            if of_this_restart(line):
                lines.append(line)
                progress(len(lines), f"{line.get('machine')}: {line.get('to')}")

    try:
        health = runs.restart(worker, timeout=timeout, origin=ORIGIN, watching=collect)
    except NotVerifiedError as error:
        return {"ok": False, "error": str(error), "event": error.event, "trace": lines}
    finally:
        collect()
        follower.close()
    return {
        "ok": True,
        "said": restarted(health),
        "pid": health.pid,
        "version": health.version,
        "trace": lines,
    }


def recent_events(worker: Worker, given: Answer, _: Progress) -> Answer:
    """Give the last events that the worker recorded, the oldest first."""
    limit = _number(given, "limit", int, mcp_tools.EVENTS_LIMIT) or mcp_tools.EVENTS_DEFAULT
    status, body = _asked(worker, f"{EVENTS_PATH}?last={limit}")
    return last_events(f"the app {worker.app}", status, body, limit)


def trace(worker: Worker, given: Answer, _: Progress) -> Answer:
    """Give the last transitions of every machine, the oldest first."""
    limit = _number(given, "limit", int, mcp_tools.LINES_LIMIT) or mcp_tools.LINES_DEFAULT
    return last_lines(worker.data_dir, given.get("run"), limit)


ACTS: dict[str, Callable[[Worker, Answer, Progress], Answer]] = {
    mcp_tools.STATUS: status,
    mcp_tools.RESTART: restart,
    mcp_tools.RECENT_EVENTS: recent_events,
    mcp_tools.TRACE: trace,
}


def answered(name: str, worker: Worker, given: object, progress: Progress) -> Answer:
    """Give the tool's answer, or why there is none, with the next command to type."""
    try:
        (takes,) = (t["inputSchema"]["properties"] for t in mcp_tools.tools() if t["name"] == name)
        if not isinstance(given, dict):
            raise ToolError(f"`{name}` takes an object of arguments")
        unknown = sorted(set(given) - set(takes))
        if unknown:
            raise ToolError(f"`{name}` takes no {', '.join(unknown)}")
        answer = ACTS[name](worker, given, progress)
    except (IncumbentError, OSError) as error:
        answer = {"ok": False, "error": str(error), "event": getattr(error, "event", "")}
    if not answer["ok"]:
        answer["error"] = with_next_command(str(answer["error"]))
    return answer


def with_next_command(sentence: str) -> str:
    """Give a sentence that names the next command to type."""
    if "`" not in sentence:
        sentence += f"; run `{command()} doctor`"
    return printable(sentence)


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
        address = health.address(worker.host, worker.port)
        try:
            connection = Connection(*address, max(deadline - time.monotonic(), PAUSE_S))
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
