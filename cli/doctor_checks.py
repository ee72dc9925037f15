"""Looks at everything a worker leans on, without a change to any of it."""

from __future__ import annotations

import json
import os
import stat
import sys
import time
from collections.abc import Iterator
from typing import NamedTuple

from incumbent.lifecycle import files, status
from incumbent.lifecycle import health as h
from incumbent.lifecycle.about import command
from incumbent.lifecycle.client.spool import Spool
from incumbent.lifecycle.elsewhere import look_elsewhere
from incumbent.lifecycle.errors import AnotherServiceError, FilesError
from incumbent.lifecycle.health import ProbeResult
from incumbent.lifecycle.lock.lock_files import is_gone
from incumbent.lifecycle.lock.lock_holders import lock_holders
from incumbent.lifecycle.lock.process_identity import boot_id, is_dead, is_stopped
from incumbent.lifecycle.lock.spawn_lock import HEARTBEAT_S, TORN_S, UNMENDED_S, Owner, owner_in
from incumbent.lifecycle.machine.trace_check import check
from incumbent.lifecycle.on_port import another_address, describe
from incumbent.lifecycle.posix.child_process import can_be_spawned
from incumbent.lifecycle.posix.listening import listens
from incumbent.lifecycle.posix.own_build import own_build
from incumbent.lifecycle.posix.presence import missing, why_gone
from incumbent.lifecycle.record import (
    Build,
    NewerFormatError,
    Record,
    Rejection,
)
from incumbent.lifecycle.record_format import decoded
from incumbent.lifecycle.service import check_service
from incumbent.lifecycle.settings import LEASE_S, Worker
from incumbent.lifecycle.versions import at_least, newer

from .trace_reader import read_journal

ROOM_BYTES = 1_000_000  # less, and the next event, record or log may not fit
AGAIN_S = 0.2
IMPORT_S = 2.0  # a doctor may take 3 s; an app that takes longer has the benefit of the doubt
PRIVATE_FILES = ("token", "launch.json", "settings.json", "events.db")


class Finding(NamedTuple):
    """One thing that is wrong: which part, what is wrong with it, what to do about it."""

    about: str
    what: str
    next: str

    def __str__(self) -> str:
        return f"{self.what}; {self.next}"


def findings(worker: Worker, seen: ProbeResult) -> Iterator[Finding]:
    """Give everything that is wrong around this worker, whose port was `seen` just now."""
    for notice in worker.notices:
        yield Finding("settings", notice, f"mend {worker.path('settings.json')}")
    yield from _port(worker, seen)
    if not os.path.lexists(worker.data_dir):
        return  # the first launch makes it
    usable = True
    for finding in _data_dir(worker.data_dir):
        usable = usable and finding.about != "data dir"
        yield finding
    if not os.path.isdir(worker.data_dir) or not os.access(worker.data_dir, os.R_OK | os.X_OK):
        return
    yield from _private(worker)
    try:
        check_service(worker)
    except AnotherServiceError as error:
        yield Finding("service", f"{error.path}: {error.reason}", error.advice)
        return
    yield from _held(worker, seen)
    yield from _guard(worker)
    yield from _lock(worker)
    yield from _record(worker, seen)
    yield from _spool(worker, usable and seen.kind == h.WORKER_SERVING)
    yield from _pid_file(worker, seen)
    yield from _trace(worker)


def _port(worker: Worker, seen: ProbeResult) -> Iterator[Finding]:
    where = describe(seen, worker)
    if seen.kind == h.SILENT:
        if _is_under_way(worker):
            return  # who hands over answers nobody while its app ends
        pid = _said_in(worker.path("worker.pid")).get("pid")
        if type(pid) is int and listens(pid, worker.host, worker.port):
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


def _data_dir(path: str) -> Iterator[Finding]:
    told = os.lstat(path)
    if not stat.S_ISDIR(told.st_mode):
        yield Finding("data dir", f"{path} is no folder", f"run `mv {path} {path}.old`")
        return
    if told.st_uid != os.geteuid():
        yield _another_owner("data dir", path, told.st_uid)
    if told.st_mode & 0o077:
        mode = stat.S_IMODE(told.st_mode)
        yield Finding(
            "permissions", f"{path} is open to other users ({mode:04o})", f"run `chmod 700 {path}`"
        )
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        yield Finding(
            "data dir",
            f"{path} can't be written",
            f"run `chmod 700 {path}`, or choose another with INCUMBENT_DATA_DIR",
        )
        return
    room = os.statvfs(path)
    if room.f_bavail * room.f_frsize < ROOM_BYTES or (room.f_files and not room.f_favail):
        yield Finding("disk", f"the disk under {path} is full", f"make room, see `df -h {path}`")


def _held(worker: Worker, seen: ProbeResult) -> Iterator[Finding]:
    """Tell of who runs the app on this data dir and can't be asked from here."""
    if seen.health is not None or seen.kind == h.SILENT:
        return
    there = look_elsewhere(worker)
    if there.kind == h.DATA_HELD:  # for a moment, where somebody comes up or goes
        time.sleep(AGAIN_S)
        there = look_elsewhere(worker)
    if there.kind == h.OUT_OF_REACH:
        stop = f"run `{command()} stop` there, or choose another with INCUMBENT_DATA_DIR"
        yield Finding("data dir", f"{worker.data_dir} is in use by {there.detail}", stop)
    elif there.kind == h.DATA_HELD:
        pids = " ".join(map(str, lock_holders(worker.path("serve.lock"))))
        end = f"run `kill -9 {pids}`" if pids else f"run `{command()} status`"
        what = f"{worker.data_dir} is in use by {there.detail}, which does not answer"
        yield Finding("data dir", what, f"if it stays so, {end}")


def _guard(worker: Worker) -> Iterator[Finding]:
    path = worker.path("spawn.lock.guard")
    for pid in lock_holders(path):
        if is_stopped(pid):
            what = f"{path} is held by the process {pid}, which is stopped: no launch gets through"
            yield Finding("guard", what, f"run `kill -CONT {pid}`, or end it by `kill -9 {pid}`")


def _private(worker: Worker) -> Iterator[Finding]:
    for name in PRIVATE_FILES:
        path = worker.path(name)
        try:
            told = os.lstat(path)
        except FileNotFoundError:
            continue
        if name == "token" and told.st_mode & 0o077:
            yield Finding(
                "permissions", f"{path} can be read by other users", f"run `chmod 600 {path}`"
            )
        if told.st_uid != os.geteuid():
            yield _another_owner("permissions", path, told.st_uid)


def _another_owner(about: str, path: str, uid: int) -> Finding:
    what = f"{path} belongs to the user {uid}, not to you"
    return Finding(about, what, f"move it away: run `mv {path} {path}.old`")


def _lock(worker: Worker) -> Iterator[Finding]:
    path = worker.path("spawn.lock")
    try:
        content = files.read(path)
        age = time.time() - os.stat(path).st_mtime
    except FileNotFoundError:
        return
    except FilesError as error:
        yield Finding("lock", f"can't read {path}: {error.reason}", f"run `chmod 600 {path}`")
        return
    if content is None:
        return
    owner = owner_in(content)
    start = f"run `{command()} start`"
    breaks = f"the next launch breaks it: {start}"
    if owner is not None and _is_gone(owner, path):
        whose = f"pid {owner.pid}, which is gone"
        yield Finding("lock", f"{path} was left behind by {whose}", breaks)
        return
    if owner is None:
        whose, lease = f"{path} is torn: it names no owner", TORN_S
    else:
        whose, lease = f"{path} is held by pid {owner.pid} on {owner.host}", LEASE_S
    if age < -HEARTBEAT_S:
        seconds = min(lease, UNMENDED_S)
        yield Finding(
            "lock",
            f"{whose}, and its time lies {-age:.0f} s ahead",
            f"the next launch breaks it once that was not mended for {seconds:g} s: {start}",
        )
    elif age > lease:
        how = "" if owner is None else f", silent for {age:.0f} s"
        yield Finding("lock", f"{whose}{how}", breaks)
    elif owner is not None and (age > UNMENDED_S or _is_far(owner)):
        yield Finding(
            "lock",
            f"{whose}, silent for {max(age, 0.0):.0f} s",
            f"unless it goes on, launches wait {lease - age:.0f} s more: then {start}",
        )


def _is_far(owner: Owner) -> bool:
    """Whether nothing here can tell if this owner lives."""
    return (owner.host, owner.boot) != (os.uname().nodename, boot_id())


def _is_under_way(worker: Worker) -> bool:
    """Whether somebody alive holds the spawn lock, which grows old when its holder hangs."""
    path = worker.path("spawn.lock")
    try:
        owner = owner_in(files.read(path) or b"")
        age = time.time() - os.stat(path).st_mtime
    except (FilesError, FileNotFoundError):
        return False
    return owner is not None and not _is_gone(owner, path) and age <= LEASE_S


def _is_gone(owner: Owner, path: str) -> bool:
    return is_gone(owner, os.uname().nodename, boot_id(), path)


def _record(worker: Worker, seen: ProbeResult) -> Iterator[Finding]:
    path = worker.path("launch.json")
    anew = f"the next launch sets it aside and registers its own: run `{command()} start`"
    try:
        content = files.read(path)
        record = Record(worker.name) if content is None else decoded(content, worker.name)
    except FilesError as error:
        yield Finding("record", f"can't read {path}: {error.reason}", f"run `chmod 600 {path}`")
        return
    except NewerFormatError:
        what = f"{path} was written by a newer incumbent, whose format this one can't read"
        yield Finding("record", what, "upgrade this install, or use the newer one")
        return
    except ValueError as error:
        yield Finding("record", f"{path} is corrupt: {error}", anew)
        return
    recorded = record.recorded
    if recorded is not None and not can_be_spawned(recorded):
        yield _gone(recorded, missing(recorded))
    elif seen.kind == h.DARK:
        yield from _next_launch(worker, record)
    if (
        recorded is not None
        and seen.kind == h.WORKER_SERVING
        and seen.health is not None
        and not at_least(seen.health.version, recorded.version)
    ):
        yield Finding(
            "worker",
            f"version {seen.health.version} serves, {recorded.version} is recorded",
            f"the next hook recycles it, or run `{command()} restart`",
        )
    rejections = [found for found in record.rejected if _still_counts(record, found)]
    for rejection in rejections:
        yield Finding(
            "record",
            f"version {rejection.version} was rejected: {rejection.reason}",
            f"mend it, then run `{command()} restart`",
        )
    refusal = seen.health.refusal if seen.health is not None else ""
    if refusal and not any(rejection.reason in refusal for rejection in rejections):
        yield Finding(
            "worker",
            f"the worker refused its last handover: {refusal}",
            f"see {worker.path('logs', 'worker.log')}, then run `{command()} restart`",
        )


def _next_launch(worker: Worker, record: Record) -> Iterator[Finding]:
    """Tell why the build that the next launch tries could not come up, if it could not."""
    own, recorded = own_build(worker), record.recorded
    tried = recorded
    if tried is None or (newer(own.version, tried.version) and not record.pinned):
        tried = own
    why = why_gone(worker, tried, IMPORT_S)
    if not why:
        return
    if not tried.same_as(own) and not why_gone(worker, own, IMPORT_S):
        yield _gone(tried, why)
    else:
        yield Finding(
            "build",
            f"version {tried.version} ({tried.app}, by {tried.python}) can't come up: {why}",
            f"mend it, then run `{command()} restart`",
        )


def _gone(build: Build, why: str) -> Finding:
    return Finding(
        "record",
        f"the recorded version {build.version} ({build.app}, by {build.python}) is gone: {why}",
        f"the next launch registers its own instead: run `{command()} start`",
    )


def _still_counts(record: Record, rejection: Rejection) -> bool:
    """Whether a launcher would still refuse this build; what a newer one has overtaken is past."""
    if not rejection.counts(time.time()):
        return False
    return record.recorded is None or not newer(record.recorded.version, rejection.version)


def _spool(worker: Worker, serving: bool) -> Iterator[Finding]:
    path = worker.path("spool")
    waiting = len(Spool(path).waiting())
    if waiting:
        start = "" if serving else f"run `{command()} start`, "
        count = "1 event is" if waiting == 1 else f"{waiting} events are"
        yield Finding("spool", f"{count} kept in {path}", f"{start}the next hook delivers them")
    try:
        refused = [name for name in os.listdir(path) if name.endswith(".refused")]
    except OSError:
        return
    if refused:
        what = f"the app refused {len(refused)} kept events"
        yield Finding("spool", what, f"see them with `ls {path}/*.refused`, then remove them")


def _pid_file(worker: Worker, seen: ProbeResult) -> Iterator[Finding]:
    """The file is diagnostics: nothing goes by it, but it tells of a worker that was killed."""
    path = worker.path("worker.pid")
    said = _said_in(path)
    pid = said.get("pid")
    if type(pid) is not int:
        return
    if seen.kind == h.DARK and is_dead(pid, str(said.get("start", "?"))):
        yield Finding(
            "pid file",
            f"the worker {pid} was killed: {path} still names it",
            f"run `{command()} start`, which replaces it",
        )
    elif seen.kind == h.WORKER_SERVING and seen.health is not None and seen.health.pid != pid:
        again = status(worker)  # a handover may have come between
        if again.health is not None and again.health.pid != _said_in(path).get("pid"):
            yield Finding(
                "pid file",
                f"{path} names pid {pid}, the worker is pid {again.health.pid}",
                f"nothing goes by it; run `{command()} restart` to have it written anew",
            )


def _trace(worker: Worker) -> Iterator[Finding]:
    try:
        report = check(*read_journal(worker.path("trace.jsonl")))
    except FilesError as error:
        yield Finding("trace", str(error), f"run `chmod 600 {worker.path('trace.jsonl')}`")
        return
    if report.faults:
        count = len(report.faults)
        yield Finding(
            "trace",
            f"the journal has {count} fault{'s' * (count > 1)}: {report.faults[0]}",
            f"run `{command()} trace --check`",
        )


def _said_in(path: str) -> dict[str, object]:
    try:
        said = json.loads(files.read(path) or b"{}")
    except (FilesError, ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _who_listens(port: int) -> str:
    if sys.platform == "linux":
        return f"ss -ltnp 'sport = :{port}'"
    return f"lsof -nP -iTCP:{port} -sTCP:LISTEN"
