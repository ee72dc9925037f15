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
from .http import Connection, literal

SECRET_LETTERS = 64
NONCE_BYTES = 16
NONCE_HEADER = "incumbent-nonce"
PROOF_HEADER = "incumbent-proof"
SCHEME = "Incumbent"  # of an ask's Authorization

# What a hash is for, at most 16 bytes: none is good for anything else.
REPORT = b"incumbent report"
ASK = b"incumbent ask"


def keyed_hash(secret: str, use: bytes, *fields: bytes) -> str:
    """Give the hash over these fields that only who holds the secret can give."""
    keyed = blake2b(key=secret.encode(), person=use, digest_size=32)
    for field in fields:
        keyed.update(len(field).to_bytes(8, "big"))
        keyed.update(field)
    return keyed.hexdigest()


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

    `last` says that nothing is asked on it any more. Raises SilentError or NotHttpError.
    """
    nonce = os.urandom(NONCE_BYTES).hex()
    header = f"{NONCE_HEADER}: {nonce}\r\n" if secret else ""
    status, head, body = connection.ask("GET", "/api/health", headers=header, last=last)
    theirs = _field(head, NONCE_HEADER)
    proof = _field(head, PROOF_HEADER)
    if not secret:
        return Proof(status, body, "")
    due = keyed_hash(secret, REPORT, nonce.encode(), theirs, address_bytes(connection.there), body)
    return Proof(status, body, theirs.decode("latin-1") if same_secret(proof, due) else "")


def _field(head: bytes, name: str) -> bytes:
    _, _, value = head.partition(f"\r\n{name}:".encode())
    return value.partition(b"\r\n")[0].strip()
