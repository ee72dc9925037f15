"""Says in words what is on a worker's address."""

from __future__ import annotations

from . import health as h
from .about import command
from .client.http import literal
from .health import ProbeResult
from .posix.hung import incumbent_of
from .posix.listening import who_listens
from .settings import DEFAULT_HOST, Worker


def describe(seen: ProbeResult | None, worker: Worker) -> str:
    """Give the half sentence that says what is on the port."""
    where = f"{literal(worker.host)}:{worker.port}"
    if seen is None or seen.kind == h.DARK:
        return f"nothing listens on {where}"
    if seen.kind == h.SILENT:
        return (
            f"{_holders(worker)} on {where} accepts connections and does not answer ({seen.detail})"
        )
    if seen.kind == h.FOREIGN:
        return f"{where} is held by {seen.detail}"
    if seen.kind == h.NO_ADDRESS:
        return f"this machine has no address {worker.host} ({seen.detail})"
    if seen.health is None:
        return f"nothing of ours answers on {where}, and {worker.data_dir} is held by {seen.detail}"
    health = seen.health
    how = "" if health.status == "ok" else f"{health.status} "
    if not health.is_at(worker.host, worker.port):
        where = f"{literal(health.host)}:{health.port}, not on {where}"
    return f"a {how}worker is on {where} (pid {health.pid}, version {health.version})"


def _holders(worker: Worker) -> str:
    """Give who listens on the worker's address, as the kernel knows them."""
    told = []
    for uid, pid, words in who_listens(worker.host, worker.port):
        told.append(f"process {pid} of {_user(uid)} ({words})" if pid else f"user {_user(uid)}")
    return ", ".join(dict.fromkeys(told)) or "something"


def _user(uid: int) -> str:
    from pwd import getpwuid

    try:
        return getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def after_silence(worker: Worker, verb: str = "restart") -> str:
    """Give what to type where the port is silent; `verb` is the command that can be forced."""
    if incumbent_of(worker) is not None:
        return f"run `{command()} status` once more, or `{command()} {verb} --force` to end it"
    found = who_listens(worker.host, worker.port)
    pids = dict.fromkeys(str(listener.pid) for listener in found if listener.pid)
    if not pids:
        free = "free the port, or choose another by INCUMBENT_PORT"
        return f"run `{command()} status` once more, or {free} and run `{command()} start`"
    end = f"end it by `kill -9 {' '.join(pids)}`"
    return f"run `{command()} status` once more, or {end} and run `{command()} start`"


def another_address(worker: Worker) -> str:
    """Give what to do when the machine does not have the address."""
    if worker.host == DEFAULT_HOST:
        return "bring the loopback up (`ip link set lo up`)"
    return f"set INCUMBENT_HOST to {DEFAULT_HOST}, or to another loopback address there is"
