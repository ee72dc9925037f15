"""Says whether a process listens on an address, as the kernel tells it."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator

LISTENING = "0A"  # proc_net_tcp(5): the state of a socket that listens
_WORD = 8  # hexadecimal digits of one word of an address, each in the machine's byte order


def listens(pid: int, host: str, port: int) -> bool:
    """Whether this very process holds a socket that listens there; doubt falls on no."""
    inodes = set(_listeners(host, port))
    folder = f"/proc/{pid}/fd"
    try:
        held = os.listdir(folder)
    except OSError:
        return False
    return any(_target(f"{folder}/{fd}") in inodes for fd in held)


def _target(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""


def _listeners(host: str, port: int) -> Iterator[str]:
    """Give each listening socket that a connection to this address could reach."""
    for name in ("tcp", "tcp6"):
        try:
            with open(f"/proc/net/{name}", encoding="ascii") as file:
                lines = file.read().splitlines()[1:]
        except OSError:
            continue
        for fields in map(str.split, lines):
            address, _, hexadecimal = fields[1].partition(":")
            if fields[3] == LISTENING and int(hexadecimal, 16) == port and _covers(address, host):
                yield f"socket:[{fields[9]}]"


def _covers(address: str, host: str) -> bool:
    """Whether a listener on this address is reached by a connection to the host."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    words = [address[at : at + _WORD] for at in range(0, len(address), _WORD)]
    packed = b"".join(int(word, 16).to_bytes(_WORD // 2, sys.byteorder) for word in words)
    return not any(packed) or packed == socket.inet_pton(family, host)
