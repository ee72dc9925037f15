"""Tells a worker of 0.1, which can prove nothing, from a stranger who says that it is one."""

from __future__ import annotations

import os

from .client.peer import SocketDiag
from .health import ProbeResult, result_of
from .lock.process_identity import start_token
from .pid_file import pid_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .settings import Worker


def known(worker: Worker, host: str, port: int, seen: ProbeResult) -> ProbeResult:
    """Give what was seen at an address, where nothing was proved: perhaps a worker of 0.1 of ours.

    It is one if the PID file names the living process that has, by the kernel's word, the socket
    which listens there. It can then be asked to hand over or to stop; it gets no event.
    """
    claim = seen.claim
    if claim is None or claim.generation.number:
        return seen
    said = pid_file(worker.path("worker.pid"))
    if said is None or (said.pid, said.port) != (claim.pid, port):
        return seen
    if start_token(said.pid) != said.start:
        return seen
    return result_of(claim) if _listens(said.pid, host, port) else seen


def _listens(pid: int, host: str, port: int) -> bool:
    """Whether the kernel calls this process of ours the one that listens there; doubt is no."""
    try:
        diag = SocketDiag()
        try:
            owner = diag.owner((host, port), None)
        finally:
            diag.close()
        if owner is None or owner[0] != os.geteuid() or os.stat(f"/proc/{pid}").st_uid != owner[0]:
            return False
        listener, folder = f"socket:[{owner[1]}]", f"/proc/{pid}/fd"
        return any(_link(f"{folder}/{fd}") == listener for fd in os.listdir(folder))
    except OSError:
        return False


def _link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""
