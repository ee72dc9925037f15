"""Decides from a request's head whether a program or page of this worker's own sent it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from incumbent.lifecycle.client.http import literal

_ASKED = frozenset({b"host", b"origin", b"sec-fetch-site"})
# `same-site` is a page on any other port of this machine.
FROM_OURSELVES: tuple[list[bytes], ...] = ([], [b"same-origin"], [b"none"])


class Refusal(NamedTuple):
    """Why a request is let no further: a word for programs, a sentence for people."""

    code: str
    error: str


class Admission:
    """Lets in who speaks to the worker under one of its names and, if a page, is its own.

    A page in a browser can send a request to any port of this machine, but it can't choose what
    stands in Host, Origin and Sec-Fetch-Site.
    """

    def __init__(self, hosts: frozenset[bytes]) -> None:
        self._hosts = hosts
        self._alone = frozenset((b"host", host) for host in hosts)
        # A browser leaves out port 80 only, so a name without a port is another's page.
        self._origins = frozenset(
            b"http://" + host.removesuffix(b":80")
            for host in hosts
            if host.rpartition(b":")[2].isdigit()
        )

    def refusal(self, path: str, headers: Iterable[tuple[bytes, bytes]]) -> Refusal | None:
        """Give why this request is refused, if it is; header names are in small letters."""
        asked = [header for header in headers if header[0] in _ASKED]
        path_is_ours = path[:1] == "/" or path == "*"  # an absolute target names its own host
        if len(asked) == 1 and asked[0] in self._alone and path_is_ours:
            return None  # as every program asks
        hosts = [value.lower() for name, value in asked if name == b"host"]
        origins = [value for name, value in asked if name == b"origin"]
        sites = [value for name, value in asked if name == b"sec-fetch-site"]
        if len(hosts) != 1 or hosts[0] not in self._hosts:
            return Refusal("foreign-host", "this worker answers to loopback names only")
        if origins and (len(origins) > 1 or origins[0] not in self._origins):
            return Refusal("foreign-origin", "this worker answers to its own pages only")
        if sites not in FROM_OURSELVES:
            return Refusal("foreign-site", "this worker answers to its own pages only")
        if not path_is_ours:
            return Refusal("foreign-target", "this worker answers to paths only")
        return None


def names_of(host: str, port: int) -> frozenset[bytes]:
    """Give the Host headers under which a worker on this address may be spoken to.

    Also without the port: a browser leaves it out only when it speaks to port 80, so it is no
    page that does, but a proxy or a request written by hand.
    """
    names = [b"localhost", b"127.0.0.1", b"[::1]", literal(host).encode()]
    return frozenset(names + [name + b":%d" % port for name in names])
