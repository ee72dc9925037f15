"""Says who listens on an address, as the kernel tells it."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import NamedTuple
else:
    from .._named_tuple import NamedTuple

LISTENING = "0A"  # proc_net_tcp(5): the state of a socket that listens
COMMAND_LETTERS = 80
_WORD = 8  # hexadecimal digits of one word of an address, each in the machine's byte order


class Listener(NamedTuple):
    """Who listens: the user's number; pid, 0 for a process that is not ours, and its command."""

    uid: int
    pid: int = 0
    command: str = ""


def listens(pid: int, host: str, port: int) -> bool:
    """Whether this very process holds a socket that listens there; doubt falls on no."""
    inodes = {inode for inode, _ in _listeners(host, port)}
    return _holds(pid, inodes)


def who_listens(host: str, port: int) -> list[Listener]:
    """Give who holds a socket that listens there: each process of ours, else the user alone."""
    found = []
    for inode, uid in _listeners(host, port):
        ours = [Listener(uid, pid, _command(pid)) for pid in _pids() if _holds(pid, {inode})]
        found += ours or [Listener(uid)]
    return found


def _holds(pid: int, inodes: set[str]) -> bool:
    folder = f"/proc/{pid}/fd"
    try:
        held = os.listdir(folder)
    except OSError:
        return False
    return any(_target(f"{folder}/{fd}") in inodes for fd in held)


def _pids() -> list[int]:
    """Give the processes of our user, into which alone we can look."""
    found = []
    try:
        names = [name for name in os.listdir("/proc") if name.isdigit()]
    except OSError:
        return []
    for name in names:
        try:
            if os.stat(f"/proc/{name}").st_uid == os.getuid():
                found.append(int(name))
        except OSError:
            continue
    return found


def _command(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            words = file.read().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""
    return "".join(c if c.isprintable() else "?" for c in words).strip()[:COMMAND_LETTERS]


def _target(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""


def _listeners(host: str, port: int) -> Iterator[tuple[str, int]]:
    """Give each listening socket that a connection to this address could reach, with its uid."""
    for name in ("tcp", "tcp6"):
        try:
            with open(f"/proc/net/{name}", encoding="ascii") as file:
                lines = file.read().splitlines()[1:]
        except OSError:
            continue
        for fields in map(str.split, lines):
            address, _, hexadecimal = fields[1].partition(":")
            if fields[3] == LISTENING and int(hexadecimal, 16) == port and _covers(address, host):
                yield f"socket:[{fields[9]}]", int(fields[7])


def _covers(address: str, host: str) -> bool:
    """Whether a listener on this address is reached by a connection to the host."""
    from _socket import AF_INET, AF_INET6, inet_pton  # the module around it costs a launch 2 ms

    family = AF_INET6 if ":" in host else AF_INET
    words = [address[at : at + _WORD] for at in range(0, len(address), _WORD)]
    packed = b"".join(int(word, 16).to_bytes(_WORD // 2, sys.byteorder) for word in words)
    return not any(packed) or packed == inet_pton(family, host)
