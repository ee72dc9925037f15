"""Proves that this worker holds the data dir's secret, to who proves to hold it too."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from incumbent.lifecycle.client.proof import (
    NONCE_BYTES,
    NONCE_HEADER,
    PROOF_HEADER,
    PROVE_AGAIN,
    QUESTION,
    REPORT,
    SCHEME,
    address_bytes,
    keyed_hash,
    same_secret,
)

from .admission import Refusal

NONCE_LIMIT = 256  # letters of a client's
NONCES = 1000  # of connections; the oldest is forgotten, and its client proves once more
UNAUTHORIZED = "unauthorized"

# What health tells to who proves nothing: no path, no address, nothing to command it by.
PUBLIC = ("status", "state", "service", "version", "pid", "generation", "uptime", "ready")

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


class Proofs:
    """What is proved to one worker over its connections, by who holds the secret of now."""

    def __init__(self, secret: Callable[[], str]) -> None:
        self._secret = secret
        self._nonces = Nonces()

    def question(self, scope: Any) -> Question | None:
        """Give the question after this worker, if one of ours asks it."""
        return question(scope["headers"], self._secret(), scope["server"])

    def answer(self, question: Question, scope: Any, body: bytes) -> Headers:
        """Give the headers that prove the report in `body`, with a nonce for what follows."""
        return question.proved(self._nonces.draw(scope["client"]), scope["server"], body)

    def refusal(self, scope: Any, why: str, due: Callable[[str, bytes], str]) -> Refusal | None:
        """Give why the sender of this request is not believed; it costs the worker's nonce.

        `due` gives the hash that proves it, from the secret and that nonce; `why` is the sentence
        for who brings no proof at all.
        """
        secret = self._secret()
        if not brings_proof(scope) or not secret:
            return Refusal(UNAUTHORIZED, why)
        nonce = self._nonces.spend(scope["client"])
        if not nonce:
            return Refusal(PROVE_AGAIN, "the connection has changed hands; ask once more")
        if not same_secret(_authorization(scope)[1], due(secret, nonce.encode())):
            return Refusal(UNAUTHORIZED, "the proof is wrong")
        return None


class Question:
    """The question after a worker, whose asker has proved to hold its secret."""

    def __init__(self, secret: str, nonce: bytes) -> None:
        self._secret, self._nonce = secret, nonce

    def proved(self, ours: str, address: Sequence[object], body: bytes) -> Headers:
        """Give the headers that prove the report in `body`, with the worker's nonce."""
        fields = self._nonce, ours.encode(), address_bytes(tuple(address)), body
        proof = keyed_hash(self._secret, REPORT, *fields)
        return ((NONCE_HEADER.encode(), ours.encode()), (PROOF_HEADER.encode(), proof.encode()))


def brings_proof(scope: Any) -> bool:
    """Whether there is a proof in a request's head, right or wrong."""
    return _authorization(scope)[0] == SCHEME.encode()


def question(
    headers: Iterable[tuple[bytes, bytes]], secret: str, address: Sequence[object]
) -> Question | None:
    """Give the question in a request's head, if its nonce is proved; names are in small letters."""
    nonce, proof = _only(headers, NONCE_HEADER), _only(headers, PROOF_HEADER)
    if not nonce or not secret or len(nonce) > NONCE_LIMIT:
        return None
    due = keyed_hash(secret, QUESTION, nonce, address_bytes(tuple(address)))
    return Question(secret, nonce) if same_secret(proof, due) else None


def told(report: dict[str, Any], question: Question | None) -> dict[str, Any]:
    """Give what is told of a worker: all of its report to one of ours only."""
    return report if question is not None else {name: report[name] for name in PUBLIC}


def _authorization(scope: Any) -> tuple[bytes, bytes]:
    given = b"".join(value for name, value in scope["headers"] if name == b"authorization")
    scheme, _, proof = given.partition(b" ")
    return scheme, proof


def _only(headers: Iterable[tuple[bytes, bytes]], name: str) -> bytes:
    found = [value for key, value in headers if key == name.encode()]
    return found[0] if len(found) == 1 else b""
