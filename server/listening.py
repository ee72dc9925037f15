"""The worker's hold of its address, with the files that tell others of it."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
from collections.abc import Callable

from incumbent.lifecycle import files, pid_file
from incumbent.lifecycle.drivers.ports import StepResult
from incumbent.lifecycle.errors import FilesError
from incumbent.lifecycle.lock.serve_lock import Holder, network_id
from incumbent.lifecycle.lock.spawn_lock import owner_in
from incumbent.lifecycle.messages import say
from incumbent.lifecycle.record import NewerFormatError, numbered
from incumbent.lifecycle.record_store import RecordStore
from incumbent.lifecycle.settings import Worker
from incumbent.lifecycle.soon_dead import SETTLED, UP

from .by_hand import ByHand
from .data_hold import DataHold
from .process.service_manager import Manager
from .process.socket_passing import Passed
from .process.watchdog import Watchdog
from .report import Report

BACKLOG = 2048


class Listening:
    """The listening socket, with the connections that nobody serves yet (`kept`).

    `before_close` is called before the socket is closed.
    """

    def __init__(
        self,
        worker: Worker,
        manager: Manager,
        by_hand: ByHand,
        store: RecordStore,
        data: DataHold,
        report: Report,
        watchdog: Watchdog,
        notices: list[str],
    ) -> None:
        self._worker, self._manager, self._by_hand = worker, manager, by_hand
        self._store, self._data, self._report = store, data, report
        self._watchdog, self._notices = watchdog, notices
        self._build = by_hand.build_key
        self._alone = False  # nobody else listens on our socket, or is about to
        self.listener: socket.socket | None = None
        self.shared = bool(manager.passed_on)  # a manager may hold our socket too
        self.kept: list[socket.socket] = []
        self.before_close: Callable[[], None] = lambda: None

    async def listen(self) -> StepResult:
        """Listen on the address, fenced by the lock's token; the only proof of holding the port."""
        step = await self._listened()
        if step.event != "listen_ok":
            say([step.reason])
        return step

    async def _listened(self) -> StepResult:
        try:
            self._report.learn_token(self._notices)
            passed = self._manager.socket_for(self._worker.host, self._worker.port)
            refused = await self._by_hand.take_lock(look=passed is None)
            if refused:
                return StepResult("listen_lost", refused)
            return await self._listen_fenced(passed)
        except (FilesError, ValueError) as error:
            return StepResult("listen_lost", str(error))

    async def _listen_fenced(self, passed: socket.socket | None) -> StepResult:
        lock_token = self._by_hand.lock_token
        guard = self._store.guard()
        await guard.wait(asyncio.sleep)
        try:
            owner = owner_in(files.read(self._worker.path("spawn.lock")) or b"")
            if owner is None or owner.token != lock_token:
                return StepResult(
                    "token_gone", "the spawn lock no longer carries our parent's token"
                )
            listener = passed or self._new_listener()
            held_by = self._data.take()
            if held_by:
                listener.close()
                return StepResult("data_held", held_by)
            self.listener = listener
            self.shared = self.shared or passed is not None
            self.is_ours_alone()
            self._number_ourselves()
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES, errno.EADDRNOTAVAIL):
                raise
            return StepResult(
                "listen_lost", f"{self._worker.host}:{self._worker.port}: {error.strerror}"
            )
        finally:
            guard.give_back()
        self._report.has_the_port()
        return StepResult("listen_ok")

    def _new_listener(self) -> socket.socket:
        family = socket.AF_INET6 if ":" in self._worker.host else socket.AF_INET
        # asyncio turns Nagle's algorithm off only where TCP is named: 40 ms an answer.
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((self._worker.host, self._worker.port))
            listener.listen(BACKLOG)
        except OSError:
            listener.close()
            raise
        return listener

    def _number_ourselves(self) -> None:
        """Number our launch where our parent did not: by hand, or of the first edition.

        Under the guard.
        """
        if self._report.generation.number:
            return
        try:
            _, record = self._store.change_guarded(numbered)
        except (FilesError, NewerFormatError) as error:
            self._notices.append(str(error))
            return
        self._report.generation = record.generation

    def adopt(self, passed: Passed) -> None:
        """Hold what our predecessor passed on; raises FilesError where there is no secret."""
        self._report.learn_token(self._notices)
        self.listener, self.kept = passed.listener, passed.kept
        self.shared = self.shared or passed.shared
        self._data.adopt(passed.serve_lock)
        if passed.serve_lock < 0:
            self._report.renew_token()  # our predecessor, of 0.1, was asked with it
        self._report.has_the_port()

    async def take_data(self) -> StepResult:
        """Hold the serve lock, where it did not come with the socket."""
        try:
            reason = self._data.take()
        except FilesError as error:
            reason = str(error)
        if reason:
            say([reason])
            return StepResult("data_held", reason)
        if self._report.generation.number:
            return StepResult("data_taken")
        guard = self._store.guard()
        try:
            await guard.wait(asyncio.sleep)
            self._number_ourselves()
        except FilesError as error:
            self._notices.append(str(error))
        finally:
            guard.give_back()
        return StepResult("data_taken")

    async def name_holder(self) -> None:
        """Write into the serve lock who serves, where, by which launch."""
        if self._data.trouble:
            self._notices.append(self._data.trouble)
            return
        worker, report = self._worker, self._report
        place = worker.host, worker.port, network_id(), os.uname().nodename
        try:
            self._data.name(
                Holder(os.getpid(), *place, report.instance, report.generation, self._build)
            )
        except FilesError as error:
            self._notices.append(str(error))

    async def settle(self) -> None:
        """Write into the serve lock that we have served for a while."""
        self._mark(SETTLED)

    def came_up(self) -> None:
        """Write into the serve lock that our app is up."""
        self._mark(UP)

    def leave(self) -> None:
        """Write into the serve lock that we end by our own decision."""
        self._data.leave()

    def _mark(self, word: str) -> None:
        try:
            self._data.mark(word)
        except FilesError as error:
            self._notices.append(str(error))

    async def free_data(self) -> None:
        """Let the serve lock go; the app is down."""
        self._data.release()

    def is_ours_alone(self) -> None:
        """From now on nobody else listens on our socket, unless a service manager does."""
        self._alone = not self.shared

    def is_passed_on(self) -> None:
        """From now on somebody else may listen on our socket."""
        self._alone = False

    async def close(self) -> None:
        """Free the port, also from copies that strayed; one that was passed on lives on.

        What is held of the data goes first.
        """
        self._data.close()
        self.before_close()
        if self.listener is not None:
            if self._alone:
                with contextlib.suppress(OSError):
                    self.listener.shutdown(socket.SHUT_RDWR)
            self.listener.close()
            self.listener = None
            self._data.say_why_stopped()

    async def write_pid(self) -> None:
        """Write the PID file; one that can't be written is only worth a line in the log."""
        worker = self._worker
        try:
            pid_file.write(worker.path("worker.pid"), self._report.version, worker.port)
        except FilesError as error:
            say([str(error)])
        self._watchdog.start()

    async def remove_pid(self) -> None:
        """Remove the PID file if it names this process."""
        pid_file.remove(self._worker.path("worker.pid"))
