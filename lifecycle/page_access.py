"""Who may look at the worker's page: a link that works once, then a session."""

from __future__ import annotations

import os
import time

from .client.proof import keyed_hash, same_secret

PATH = "/lifecycle"
LINK_S = 120.0  # from `page` to the browser
SESSION_S = 12 * 3600.0  # a working day

_LINK, _SESSION = b"page-link", b"page-session"  # each proof is for one use


def link(secret: str, instance: str, address: tuple[str, int], now: float) -> str:
    """Give the path that opens the page of this instance once, within LINK_S from `now`."""
    return f"{PATH}?once={_ticket(_LINK, secret, (instance, *map(str, address)), now + LINK_S)}"


def opens(ticket: str, secret: str, instance: str, address: tuple[str, int], now: float) -> bool:
    """Whether the ticket of a link is good for this instance; that it was not used is not ours."""
    return _holds(ticket, _LINK, secret, (instance, *map(str, address)), now)


def session(secret: str, data_dir: str, address: tuple[str, int], now: float) -> str:
    """Give what may look for SESSION_S: at this worker, and at its successors at this address."""
    return _ticket(_SESSION, secret, (data_dir, *map(str, address)), now + SESSION_S)


def may_look(given: str, secret: str, data_dir: str, address: tuple[str, int], now: float) -> bool:
    """Whether a session is good at this worker."""
    return _holds(given, _SESSION, secret, (data_dir, *map(str, address)), now)


def _ticket(use: bytes, secret: str, of: tuple[str, ...], until: float) -> str:
    nonce, ends = os.urandom(12).hex(), str(int(until))
    return f"{ends}.{nonce}.{_proof(use, secret, (*of, ends, nonce))}"


def _holds(ticket: str, use: bytes, secret: str, of: tuple[str, ...], now: float) -> bool:
    ends, _, rest = ticket.partition(".")
    nonce, _, proof = rest.partition(".")
    # An empty secret is none: whoever knows nothing must not be able to prove it.
    if not secret or not ticket.isascii() or len(ticket) > 200 or not ends.isdigit():
        return False
    right = same_secret(proof.encode(), _proof(use, secret, (*of, ends, nonce)))
    return right and now < int(ends) <= now + max(LINK_S, SESSION_S)


def _proof(use: bytes, secret: str, of: tuple[str, ...]) -> str:
    return keyed_hash(secret, use, *map(os.fsencode, of))


def wall_clock() -> float:
    """Give the time by which tickets end: two processes share no other."""
    return time.time()
