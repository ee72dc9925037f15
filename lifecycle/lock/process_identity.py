"""Who a process is: its pid with the moment it began."""

from __future__ import annotations

import os
import sys

MAX_PID = 2**31 - 1


def start_token(pid: int) -> str | None:
    """Give a text that differs for every process that ever has this pid; None when it is dead.

    A zombie is dead. What can't be read on a live process counts as alive, with the token "?".
    """
    if not is_pid(pid):
        return None
    if sys.platform == "linux":
        try:
            with open(f"/proc/{pid}/stat", "rb") as file:
                fields = file.read().rpartition(b")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            return None
        except OSError:
            return "?"
        # proc(5): the state is field 3, the start time field 22, in clock ticks since boot.
        return None if fields[0] in (b"Z", b"X") else fields[19].decode()
    return _start_token_by_ps(pid)


def _start_token_by_ps(pid: int) -> str | None:
    import subprocess

    try:
        said = subprocess.run(
            ["ps", "-o", "state=,lstart=", "-p", str(pid)],
            capture_output=True,
            text=True,
            check=False,
        ).stdout.split(maxsplit=1)
    except OSError:
        return "?"
    if not said or said[0].startswith("Z"):
        return None
    return said[1].strip().replace(" ", "-") if len(said) == 2 else "?"


def is_pid(pid: object) -> bool:
    """Whether this can name a process at all: 0, negative and huge ones are malformed."""
    return type(pid) is int and 0 < pid <= MAX_PID


def is_dead(pid: int, token: str) -> bool:
    """Whether this process is provably gone; doubt falls on alive."""
    now = start_token(pid)
    return now is None or (now != "?" and token != "?" and now != token)


def is_stopped(pid: int) -> bool:
    """Whether the kernel shows this process as stopped, by a signal or a debugger; Linux only."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[0] in (b"T", b"t")
    except (OSError, IndexError):
        return False


def self_token() -> str:
    """Give this process's own start token."""
    return start_token(os.getpid()) or "?"


def is_another_boot(one: str, other: str) -> bool:
    """Whether two boot ids of one host differ in more than the pid namespace.

    Only on Linux: elsewhere the id moves with the clock.
    """
    return sys.platform == "linux" and one.partition("/")[0] != other.partition("/")[0]


def boot_id() -> str:
    """Give what tells this boot, this host's kernel and this pid namespace from all others."""
    if sys.platform == "linux":
        try:
            with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
                boot = file.read().strip()
            return f"{boot}/{os.readlink('/proc/self/ns/pid')}"
        except OSError:
            return "?"
    import subprocess

    try:
        return subprocess.run(
            ["sysctl", "-n", "kern.boottime"], capture_output=True, text=True, check=False
        ).stdout.strip()
    except OSError:
        return "?"
