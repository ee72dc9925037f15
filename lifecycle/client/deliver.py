"""Gives one event to the app of the worker that serves."""

import os

from .._small_json import dumps_flat, loads
from .http import Connection, DarkError, NotHttpError, SilentError
from .proof import ask_for_proof, secret_of

EVENTS_PATH = "/api/events"
NAME_LIMIT = 200  # what the built-in app takes
PAYLOAD_LIMIT_BYTES = 15_990_000  # 16 MB is what the built-in app takes, the envelope included

DELIVERED = "delivered"
REFUSED = "refused"  # the app will not have it, however often it is asked
FAILED = "failed"  # the app could not take it now; it may later, and others need not wait for it
UNDELIVERED = "undelivered"  # nobody answered for it: the same event may be sent again

DATA_DIR_GONE = "data-dir-gone"  # the code of a worker whose data dir is another's by now

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
    head = dumps_flat({"id": identity, "event": event})[:-1]
    return b'%s, "payload": %s}' % (head.encode(), payload)


def deliver(
    host: str, port: int, data_dir: str, body: bytes, timeout: float
) -> tuple[str, str, bytes]:
    """Post one event within `timeout` seconds; give what became of it, why if not, the answer.

    It goes to a worker that has proved, on this connection, that it is this data dir's.
    """
    secret = secret_of(data_dir)
    try:
        connection = Connection(host, port, timeout)
        try:
            if not ask_for_proof(connection, secret).nonce:
                reason = f"who listens on {host}:{port} does not prove that it is our worker"
                return FAILED, reason, b""
            status, _, answer = connection.ask("POST", EVENTS_PATH, body)
        finally:
            connection.close()
    except DarkError:
        return UNDELIVERED, f"nothing listens on {host}:{port}", b""
    except (SilentError, NotHttpError, OSError) as error:
        return UNDELIVERED, str(error), b""
    return *judged(status, answer), answer


def judged(status: int, answer: bytes) -> tuple[str, str]:
    """Give what this answer makes of the event, with the reason if the app did not take it."""
    if status in (200, 201, 202, 204):
        return DELIVERED, ""
    code, why = _said(answer)
    if status == 503 and code == DATA_DIR_GONE:
        return UNDELIVERED, why
    reason = f"the app answered {status}" + (f" ({why})" if why else "")
    if 400 <= status < 500 and status not in _TRY_AGAIN:
        return REFUSED, reason
    return FAILED, reason


def _said(answer: bytes) -> tuple[str, str]:
    """Give the code and the sentence of a refusal; "" for what it does not say."""
    try:
        said = loads(answer)
    except (ValueError, RecursionError):
        return "", ""
    code, error = (said.get("code"), said.get("error")) if isinstance(said, dict) else (None, None)
    return code if isinstance(code, str) else "", error if isinstance(error, str) else ""
