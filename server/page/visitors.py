"""Decides who may look: whoever brings a session, or a link that was not used yet."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import parse_qs

from incumbent.lifecycle.health import Health
from incumbent.lifecycle.page_access import SESSION_S, may_look, opens, session, wall_clock

Headers = Iterable[tuple[bytes, bytes]]


class Visitors:
    """Those who may look at one worker; used links are kept while they would work."""

    def __init__(self) -> None:
        self._used: dict[str, float] = {}

    def knows(self, headers: Headers, secret: str, health: Health) -> bool:
        """Whether a request brings a session: in a browser's cookie, or as a bearer's."""
        name = cookie_name(health.port)
        address = health.host, health.port
        for given in _given(headers, name):
            if may_look(given, secret, health.data_dir, address, wall_clock()):
                return True
        return False

    def admit(self, query: bytes, secret: str, health: Health) -> str:
        """Give the cookie for whoever comes by a link that works, "" for anybody else."""
        ticket = parse_qs(query.decode("ascii", "replace")).get("once", [""])[0]
        now, address = wall_clock(), (health.host, health.port)
        self._used = {used: until for used, until in self._used.items() if until > now}
        if ticket in self._used or not opens(ticket, secret, health.instance, address, now):
            return ""
        self._used[ticket] = float(ticket.partition(".")[0])
        given = session(secret, health.data_dir, address, now)
        rights = f"Path=/lifecycle; Max-Age={SESSION_S:.0f}; HttpOnly; SameSite=Strict"
        return f"{cookie_name(health.port)}={given}; {rights}"


def cookie_name(port: int) -> str:
    """Give the name of the cookie: browsers keep the cookies of all ports of a host together."""
    return f"incumbent-{port}"


def _given(headers: Headers, cookie: str) -> Iterable[str]:
    for name, value in headers:
        text = value.decode("latin-1")
        if name == b"cookie":
            for part in text.split(";"):
                key, _, given = part.strip().partition("=")
                if key == cookie:
                    yield given
        elif name == b"authorization" and text.startswith("Bearer "):
            yield text.removeprefix("Bearer ").strip()
