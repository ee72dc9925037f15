"""The built-in app: records hook events on SQLite, each answered only after its commit."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sqlite3
import uuid
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from typing import NoReturn

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from incumbent.lifecycle.about import VERSION
from incumbent.lifecycle.messages import say
from incumbent.lifecycle.private import open_file
from incumbent.lifecycle.settings import Worker

__version__ = VERSION  # what the worker reports

EVENT_LIMIT_BYTES = 16_000_000
DISCARDED_LIMIT_BYTES = 2 * EVENT_LIMIT_BYTES  # read on so far, to be heard by who is still sending
PAGE_LIMIT = 1000
PAGE_LIMIT_BYTES = 8_000_000  # of payloads; one event is given in any case
NAME_LIMIT = 200
FORGOTTEN_AT_ONCE = 200  # events; who writes one waits no longer than that takes
FORGET_S = 60.0  # between two looks for what is too old, or too much
KIND, JSON = "content-type", "application/json"

_SCHEMA = """
CREATE TABLE IF NOT EXISTS events (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    event TEXT NOT NULL,
    payload TEXT NOT NULL,
    at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
)
"""


_Row = tuple[int, str, str, str, str]


class Events:
    """The table of events, used by one thread at a time."""

    def __init__(self, path: str) -> None:
        # What hooks tell is for its user's eyes; what SQLite puts beside it has the same mode.
        os.close(open_file(path, os.O_RDWR))
        self._database = sqlite3.connect(path, check_same_thread=False)
        self._database.execute("PRAGMA auto_vacuum=INCREMENTAL")  # of a file without tables
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute("PRAGMA synchronous=FULL")
        with self._database:
            self._database.execute(_SCHEMA)
        self._page_bytes: int = self._number("PRAGMA page_size")

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def add(self, identity: str, event: str, payload: str) -> bool:
        """Commit one event; False when there was one with this id already."""
        with self._database:
            cursor = self._database.execute(
                "INSERT INTO events (id, event, payload) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                (identity, event, payload),
            )
        return cursor.rowcount == 1

    def after(self, number: int, limit: int) -> bytes:
        """Give a page of the events that came after this number, in order."""
        found = self._found("WHERE number > ? ORDER BY number LIMIT ?", number, limit)
        return _page(found, number)

    def last(self, limit: int) -> bytes:
        """Give a page of the last events, in order."""
        return _page(self._found("ORDER BY number DESC LIMIT ?", limit)[::-1], 0)

    def forget(self, age: float, most: int) -> int:
        """Delete some events older than `age` seconds, or beyond `most` bytes; give how many.

        The oldest go first, the newest stays; 0 is for ever.
        """
        with self._database:
            count = self._forget_old(age) if age else 0
            if most and not count:
                count = self._forget_beyond(most)
        if count:
            self._database.executescript("PRAGMA incremental_vacuum")  # `execute` frees one page
        return count

    def _forget_old(self, age: float) -> int:
        found = self._database.execute(
            "DELETE FROM events WHERE number IN (SELECT number FROM events ORDER BY number LIMIT ?)"
            " AND at < strftime('%Y-%m-%dT%H:%M:%fZ', 'now', ?)",
            (FORGOTTEN_AT_ONCE, f"-{age} seconds"),
        )
        return found.rowcount

    def _forget_beyond(self, most: int) -> int:
        pages = self._number("PRAGMA page_count") - self._number("PRAGMA freelist_count")
        excess = pages * self._page_bytes - most
        rows = self._database.execute(
            "SELECT number, length(payload) FROM events"
            " WHERE number < (SELECT max(number) FROM events) ORDER BY number LIMIT ?",
            (FORGOTTEN_AT_ONCE,),
        )
        last = count = 0
        with contextlib.closing(rows):
            while excess > 0 and (row := rows.fetchone()) is not None:
                last, count, excess = row[0], count + 1, excess - row[1]
        self._database.execute("DELETE FROM events WHERE number <= ?", (last,))
        return count

    def _number(self, question: str) -> int:
        found: int = self._database.execute(question).fetchone()[0]
        return found

    def _found(self, which: str, *values: int) -> list[_Row]:
        """Give as many rows as fit into a page."""
        rows = self._database.execute(
            f"SELECT number, id, event, payload, at FROM events {which}", values
        )
        found: list[_Row] = []
        length = 0
        with contextlib.closing(rows):
            for row in rows:
                length += len(row[3])
                if found and length > PAGE_LIMIT_BYTES:
                    break
                found.append(row)
        return found


def _page(rows: list[_Row], after: int) -> bytes:
    """Give the JSON of a page; payloads are JSON in ASCII already, and put in as they are.

    In ASCII, since a payload may hold half a surrogate pair, which no other encoding can say.
    """
    events = ", ".join(
        f'{{"number": {number}, "id": "{identity}", "event": {json.dumps(event)}, '
        f'"payload": {payload}, "at": "{at}"}}'
        for number, identity, event, payload, at in rows
    )
    return f'{{"events": [{events}], "next": {rows[-1][0] if rows else after}}}'.encode("ascii")


@contextlib.asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    """Open the database for as long as this worker serves."""
    loop, worker = asyncio.get_running_loop(), Worker()
    with ThreadPoolExecutor(1, "events") as thread:
        path = os.path.join(worker.data_dir, "events.db")
        events = await loop.run_in_executor(thread, Events, path)
        app.state.events, app.state.thread = events, thread
        forgetting = loop.create_task(_forget(events, thread, worker.keep_events))
        try:
            yield
        finally:
            forgetting.cancel()
            await loop.run_in_executor(thread, events.close)


async def _forget(events: Events, thread: ThreadPoolExecutor, keep: str) -> None:
    """Delete what is kept no longer, some at a time, as long as the app is up."""
    from incumbent.lifecycle.settings_file import limits

    age, most = limits(keep)
    while age or most:
        count = 0
        try:
            count = await asyncio.get_running_loop().run_in_executor(
                thread, events.forget, age, most
            )
        except sqlite3.Error as error:  # a full disk, say: what is kept too long does no harm
            say([f"old events stay for now: {error}"])
        await asyncio.sleep(0 if count else FORGET_S)


async def _post(request: Request) -> Response:
    kinds = [kind.partition(";")[0].strip().lower() for kind in request.headers.getlist(KIND)]
    if kinds != [JSON]:  # the other kinds are those that any page may send unasked
        return _refusal(415, f"an event is sent as {JSON}")
    if int(request.headers.get("content-length") or 0) > EVENT_LIMIT_BYTES:
        return _too_long()
    body = await _body(request)
    if body is None:
        return _too_long({"connection": "close"})
    state = request.app.state
    try:
        identity, new = await asyncio.get_running_loop().run_in_executor(
            state.thread, _recorded, state.events, body
        )
    except _MalformedError as error:
        return _refusal(400, f"an event is {{id, event, payload}}: {error}")
    return JSONResponse({"id": identity, "new": new}, 201 if new else 200)


async def _body(request: Request) -> bytes | None:
    """Give the body; None when it is too long, announced or not: it is not kept then."""
    body = bytearray()
    length = 0
    async for chunk in request.stream():
        length += len(chunk)
        if length <= EVENT_LIMIT_BYTES:
            body += chunk
        else:
            body.clear()
        if length > DISCARDED_LIMIT_BYTES:
            break
    return bytes(body) if length <= EVENT_LIMIT_BYTES else None


class _MalformedError(ValueError):
    """What was sent is no event."""


def _recorded(events: Events, body: bytes) -> tuple[str, bool]:
    """Record the event in a body; give its id, and whether it is new."""
    try:
        said = json.loads(body, parse_constant=_refuse)
        identity = str(uuid.UUID(said["id"]))
        event, payload = said["event"], said.get("payload", {})
        if not isinstance(event, str) or not 0 < len(event) <= NAME_LIMIT:
            raise ValueError("event is no name")
        event.encode()  # half a surrogate pair is no text, and no name
        if not isinstance(payload, dict):
            raise TypeError("payload is no object")
        text = json.dumps(payload, allow_nan=False)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _MalformedError(str(error)) from None
    return identity, events.add(identity, event, text)


async def _get(request: Request) -> Response:
    try:
        after = int(request.query_params.get("after", "0"))
        limit = min(int(request.query_params.get("limit", "100")), PAGE_LIMIT)
        last = min(int(request.query_params.get("last", "0")), PAGE_LIMIT)
        if after < 0 or limit < 1 or after >= 2**63 or last < 0:
            raise ValueError("out of range")
    except ValueError as error:
        return _refusal(400, f"after, limit and last are whole numbers: {error}")
    state = request.app.state
    ask = (state.events.last, last) if last else (state.events.after, after, limit)
    page = await asyncio.get_running_loop().run_in_executor(state.thread, *ask)
    return Response(page, media_type=JSON)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number of JSON")


def _too_long(headers: dict[str, str] | None = None) -> Response:
    return _refusal(413, f"an event is at most {EVENT_LIMIT_BYTES} bytes", headers)


def _refusal(status: int, error: str, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"error": error}, status, headers)


app = Starlette(
    routes=[
        Route("/api/events", _post, methods=["POST"]),
        Route("/api/events", _get, methods=["GET"]),
    ],
    lifespan=_lifespan,
)
