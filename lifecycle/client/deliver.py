"""Gives one event to the app of the worker that serves."""

import os
from time import monotonic

from .._small_json import dumps, loads
from .http import Connection, DarkError, NotHttpError, SilentError
from .proof import PROVE_AGAIN, UnprovedError, ask_for_events

EVENTS_PATH = "/api/events"
NAME_LIMIT = 200  # what the built-in app takes
PAYLOAD_LIMIT_BYTES = 15_990_000  # 16 MB is what the built-in app takes, the envelope included

DELIVERED = "delivered"
REFUSED = "refused"  # the app will not have it, however often it is asked
FAILED = "failed"  # the app could not take it now; it may later, and others need not wait for it
UNDELIVERED = "undelivered"  # nobody answered for it: the same event may be sent again

_TRY_AGAIN = frozenset({408, 425, 429})  # the client errors that pass by themselves (RFC 9110)


def new_id() -> str:
    """Give a fresh uuid of version 4: an event that is sent twice under it is one event."""
    drawn = bytearray(os.urandom(16))
    drawn[6] = drawn[6] & 0x0F | 0x40
    drawn[8] = drawn[8] & 0x3F | 0x80
    text = drawn.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def envelope(identity: str, event: str, payload: bytes) -> bytes:
    """Give what is posted; `payload` is the text of one JSON object, passed on as it came."""
    head = dumps({"id": identity, "event": event})[:-1]
    return b'%s, "payload": %s}' % (head.encode(), payload)


def deliver(
    host: str, port: int, data_dir: str, body: bytes, timeout: float
) -> tuple[str, str, bytes]:
    """Post one event within `timeout` seconds; give what became of it, why if not, the answer.

    It goes to a worker that has proved, on this connection, that it is this data dir's. What the
    worker's own gate refuses is not final: only the app's refusals are.
    """
    until = monotonic() + timeout
    word, why, answer, again = _tried(host, port, data_dir, body, timeout)
    if again and (left := until - monotonic()) > 0:
        word, why, answer, _ = _tried(host, port, data_dir, body, left)
    return word, why, answer


def _tried(
    host: str, port: int, data_dir: str, body: bytes, timeout: float
) -> tuple[str, str, bytes, bool]:
    """Post it once; also give whether the connection went to another worker meanwhile."""
    try:
        connection = Connection(host, port, timeout)
        try:
            asked = ask_for_events(connection, data_dir, "POST", EVENTS_PATH, body)
        finally:
            connection.close()
    except DarkError:
        return UNDELIVERED, f"nothing listens on {host}:{port}", b"", False
    except UnprovedError:
        why = f"who listens on {host}:{port} does not prove that it is our worker"
        return FAILED, why, b"", False
    except (SilentError, NotHttpError, OSError) as error:
        return UNDELIVERED, str(error), b"", False
    status, _, answer, refused = asked
    if refused:
        return UNDELIVERED, _said(answer) or refused, b"", refused == PROVE_AGAIN
    return *judged(status, answer), answer, False


def judged(status: int, answer: bytes) -> tuple[str, str]:
    """Give what this answer makes of the event, with the reason if the app did not take it."""
    if status in (200, 201, 202, 204):
        return DELIVERED, ""
    why = _said(answer)
    reason = f"the app answered {status}" + (f" ({why})" if why else "")
    if 400 <= status < 500 and status not in _TRY_AGAIN:
        return REFUSED, reason
    return FAILED, reason


def _said(answer: bytes) -> str:
    """Give the sentence of a refusal, "" where there is none."""
    try:
        said = loads(answer)
    except (ValueError, RecursionError):
        return ""
    error = said.get("error") if isinstance(said, dict) else None
    return error if isinstance(error, str) else ""
