"""Proves that whoever speaks, on either side, holds the data dir's secret.

The secret itself never crosses the wire. The client draws a nonce; the worker answers with one of
its own, and a keyed hash over both, the address, its report. Each hash begins with what it is for,
its fields with their lengths. What is not proved is a stranger's.
"""

import os

try:
    from _blake2 import blake2b  # `hashlib` costs a hook milliseconds
except ImportError:  # not CPython
    from hashlib import blake2b

try:
    from _operator import _compare_digest  # `hmac` would load OpenSSL's digests
except ImportError:  # not CPython
    from hmac import compare_digest as _compare_digest  # type: ignore[no-redef]  # its twin

from .._small_json import read_small
from ..trust import check_open
from .http import Connection, field, literal

SECRET_LETTERS = 64
NONCE_BYTES = 16
NONCE_HEADER = "incumbent-nonce"
PROOF_HEADER = "incumbent-proof"
REFUSAL_HEADER = "incumbent-refusal"  # with the word of a refusal that is not the app's
PROVE_AGAIN = "prove-again"  # the worker does not know the connection, which it was given
SCHEME = "Incumbent"  # of the Authorization of an ask, of an event
EVENTS_LIMIT_BYTES = 20_000_000  # of a page: 8 MB of payloads, or one event of 16 MB
MCP_PATH = "/mcp"

# What a hash is for, at most 16 bytes: none is good for anything else.
QUESTION = b"incumbent who"
REPORT = b"incumbent report"
ASK = b"incumbent ask"
EVENT = b"incumbent event"
MCP = b"incumbent mcp"


class UnprovedError(Exception):
    """Who answers does not prove to be our worker; nothing else was sent."""


def keyed_hash(secret: str, use: bytes, *fields: bytes) -> str:
    """Give the hash over these fields that only who holds the secret can give."""
    keyed = blake2b(key=secret.encode(), person=use, digest_size=32)
    for each in fields:
        keyed.update(len(each).to_bytes(8, "big"))
        keyed.update(each)
    return keyed.hexdigest()


def event_hash(
    secret: str,
    method: str,
    target: bytes,
    address: bytes,
    data_dir: str,
    nonce: bytes,
    body: bytes,
) -> str:
    """Give what proves that events are written or read by one of ours, whatever app is hosted."""
    fields = method.encode(), target, address, os.fsencode(data_dir), nonce, body
    return keyed_hash(secret, EVENT, *fields)


def mcp_hash(
    secret: str, method: str, address: bytes, data_dir: str, nonce: bytes, body: bytes
) -> str:
    """Give what proves that a message for the worker's MCP server is of one of ours."""
    return keyed_hash(secret, MCP, method.encode(), address, os.fsencode(data_dir), nonce, body)


def same_secret(given: bytes, due: str) -> bool:
    """Whether they are the same, in a time that does not tell where they differ."""
    return _compare_digest(given, due.encode())


def address_bytes(address: tuple[object, ...]) -> bytes:
    """Give a socket's address as it goes into a hash."""
    return f"{literal(str(address[0]))}:{address[1]}".encode()


def whole_secret(content: bytes) -> str:
    """Give the secret in a file's content; "" where it is none."""
    text = content.decode("ascii", errors="replace").strip()
    whole = len(text) == SECRET_LETTERS and not text.strip("0123456789abcdef")
    return text if whole else ""


def secret_of(data_dir: str) -> str:
    """Give the secret of a data dir; "" when there is none that can be read."""
    try:
        return whole_secret(read_small(f"{data_dir}/token", check_open))
    except OSError:
        return ""


class Proof:
    """A worker's report as it came: status and body, with the nonce of one who has proved itself.

    The nonce is empty where nothing was proved.
    """

    __slots__ = ("body", "nonce", "status")

    def __init__(self, status: int, body: bytes, nonce: str) -> None:
        self.status, self.body, self.nonce = status, body, nonce


def ask_for_proof(connection: Connection, secret: str, last: bool = False) -> Proof:
    """Ask who answers on this connection for its report, and for the proof that it is our worker.

    Only who proves to be ours itself is told all of it. `last` says that nothing is asked on the
    connection any more. Raises SilentError or NotHttpError.
    """
    if not secret:
        status, _, body = connection.ask("GET", "/api/health", last=last)
        return Proof(status, body, "")
    nonce, there = os.urandom(NONCE_BYTES).hex(), address_bytes(connection.there)
    ours = keyed_hash(secret, QUESTION, nonce.encode(), there)
    header = f"{NONCE_HEADER}: {nonce}\r\n{PROOF_HEADER}: {ours}\r\n"
    status, head, body = connection.ask("GET", "/api/health", headers=header, last=last)
    theirs = field(head, NONCE_HEADER.encode())
    due = keyed_hash(secret, REPORT, nonce.encode(), theirs, there, body)
    proved = same_secret(field(head, PROOF_HEADER.encode()), due)
    return Proof(status, body, theirs.decode("latin-1") if proved else "")


def ask_for_events(
    connection: Connection, data_dir: str, method: str, target: str, body: bytes = b""
) -> tuple[int, bytes, bytes, str]:
    """Write or read events where our worker proves itself: status, head and body, and a refusal.

    The refusal is the word of the worker's own gate, "" where the app has answered. Raises
    SilentError, NotHttpError or UnprovedError.
    """
    secret = secret_of(data_dir)
    nonce = ask_for_proof(connection, secret).nonce
    if not nonce:
        raise UnprovedError
    there = address_bytes(connection.there)
    hashed = event_hash(secret, method, target.encode(), there, data_dir, nonce.encode(), body)
    header = f"Authorization: {SCHEME} {hashed}\r\n"
    limit = EVENTS_LIMIT_BYTES
    status, head, answer = connection.ask(method, target, body, header, limit=limit)
    return status, head, answer, field(head, REFUSAL_HEADER.encode()).decode("latin-1")
