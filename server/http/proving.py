"""Proves to who asks for health that this worker holds the data dir's secret."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from incumbent.lifecycle.client.proof import (
    NONCE_BYTES,
    NONCE_HEADER,
    PROOF_HEADER,
    REPORT,
    address_bytes,
    keyed_hash,
)

NONCE_LIMIT = 256  # letters of a client's
NONCES = 1000  # of connections; the oldest is forgotten, and its client proves once more

Headers = tuple[tuple[bytes, bytes], ...]


class Nonces:
    """The worker's nonces: the last one drawn for each connection, each used once."""

    def __init__(self) -> None:
        self._drawn: dict[object, str] = {}

    def draw(self, client: Sequence[object]) -> str:
        """Draw one for the connection with this address at its far end."""
        self._drawn.pop(tuple(client), None)
        if len(self._drawn) >= NONCES:
            del self._drawn[next(iter(self._drawn))]
        nonce = self._drawn[tuple(client)] = os.urandom(NONCE_BYTES).hex()
        return nonce

    def spend(self, client: Sequence[object]) -> str:
        """Give the one that was drawn for this connection, once; "" for none."""
        return self._drawn.pop(tuple(client), "")


def nonce_in(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Give the client's nonce, if it has sent one; header names are in small letters."""
    name = NONCE_HEADER.encode()
    found = [value for key, value in headers if key == name]
    return found[0] if len(found) == 1 and len(found[0]) <= NONCE_LIMIT else b""


def proved(
    secret: str, theirs: bytes, ours: str, address: Sequence[object], body: bytes
) -> Headers:
    """Give the headers that prove the report in `body` to who has sent the nonce `theirs`."""
    fields = theirs, ours.encode(), address_bytes(tuple(address)), body
    proof = keyed_hash(secret, REPORT, *fields)
    return ((NONCE_HEADER.encode(), ours.encode()), (PROOF_HEADER.encode(), proof.encode()))
