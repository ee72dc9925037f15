"""Looks at who holds the worker's address."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from incumbent.lifecycle import health as h
from incumbent.lifecycle.about import command
from incumbent.lifecycle.data_dir import DataDir
from incumbent.lifecycle.health import ProbeResult
from incumbent.lifecycle.on_port import another_address, describe
from incumbent.lifecycle.pid_file import pid_file
from incumbent.lifecycle.posix.hung import incumbent_of
from incumbent.lifecycle.posix.listening import listens
from incumbent.lifecycle.settings import Worker

from .finding import Finding
from .lock import is_under_way


def port(worker: Worker, seen: ProbeResult) -> Iterator[Finding]:
    """Tell of a worker that hangs, of a stranger, of an address that this machine lacks."""
    where = describe(seen, worker)
    if seen.kind == h.SILENT:
        if is_under_way(worker):
            return  # who hands over answers nobody while its app ends
        ours = incumbent_of(worker)
        said = pid_file(DataDir(worker.data_dir).pid_file)
        if ours is not None:
            force = f"if it stays so, run `{command()} restart --force`"
            yield Finding("port", f"the worker {ours.pid} hangs: {where}", force)
        elif said is not None and listens(said.pid, worker.host, worker.port):
            pid = said.pid
            yield Finding(
                "port", f"the worker {pid} hangs: {where}", f"if it stays so, run `kill -9 {pid}`"
            )
        else:
            yield Finding("port", where, f"see by whom: `{_who_listens(worker.port)}`")
    elif seen.kind == h.NO_ADDRESS:
        yield Finding("address", where, another_address(worker))
    elif seen.kind == h.FOREIGN:
        free = "free it, or choose another with INCUMBENT_PORT"
        yield Finding("port", where, f"see by whom: `{_who_listens(worker.port)}`; {free}")


def _who_listens(port: int) -> str:
    if sys.platform == "linux":
        return f"ss -ltnp 'sport = :{port}'"
    return f"lsof -nP -iTCP:{port} -sTCP:LISTEN"
