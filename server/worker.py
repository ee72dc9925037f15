"""A worker's view of the operating system: the real one, inside its event loop."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import os
import signal
import socket
import sys
import time
from collections import deque
from typing import Any

from incumbent.lifecycle import files, pid_file
from incumbent.lifecycle import health as h
from incumbent.lifecycle.about import command
from incumbent.lifecycle.client.probe import PROBE_TIMEOUT_S, probe
from incumbent.lifecycle.drivers.ports import (
    LOCK_REFUSED,
    SHUTDOWN,
    Child,
    ChildExit,
    Request,
    StepResult,
)
from incumbent.lifecycle.errors import FilesError
from incumbent.lifecycle.health import Health
from incumbent.lifecycle.lock.serve_lock import Holder, ServeLock, holder_in, network_id
from incumbent.lifecycle.lock.spawn_lock import HELD, owner_in
from incumbent.lifecycle.machine.states import COMING_UP_STATES, SERVING_STATES, STOPPING, VERIFIED
from incumbent.lifecycle.machine.tables import MACHINES, Row
from incumbent.lifecycle.messages import say
from incumbent.lifecycle.posix.child_process import (
    READY_BYTE,
    TAKES_SERVE_LOCK,
    UP_BYTE,
    Process,
)
from incumbent.lifecycle.posix.lock_holder import CHILD_GRACE_S, LockHolder
from incumbent.lifecycle.posix.secret import admin_token, token_now
from incumbent.lifecycle.record import Build, NewerFormatError, numbered
from incumbent.lifecycle.settings import LEASE_S, MARGIN_S, Worker
from incumbent.lifecycle.shortage import shortage
from incumbent.lifecycle.trace import Trace
from incumbent.lifecycle.versions import same

from .process import socket_passing
from .process.forked import leave_children
from .process.logs import Output
from .process.service_manager import Manager
from .process.spawn_context import SpawnContext
from .process.watchdog import Watchdog

BACKLOG = 2048
PAUSE_S = 0.01
REAP_STEP_S = 0.002
GONE = "{} was removed or replaced"
BUILD_AT_FAULT = ("app_failed", "wrong_version")


class PosixWorker(LockHolder):
    """The worker's verbs on real sockets, files and processes."""

    def __init__(
        self, worker: Worker, context: SpawnContext, output: Output, manager: Manager
    ) -> None:
        super().__init__(worker, "handover")
        self._context, self._output, self._manager = context, output, manager
        self._passed_on = manager.passed_on
        self._successor = 0
        self.instance = os.urandom(12).hex()
        self.state = ""
        self._token = ""
        self._listener: socket.socket | None = None
        self._shared = bool(manager.passed_on)  # a manager may hold our socket too
        self._alone = False  # nobody else listens on our socket, or is about to
        self._data = ServeLock(worker.path("serve.lock"))
        self._data_dir = _identity(worker.data_dir)
        self._data_gone = False
        self._generation = context.generation
        self._kept: list[socket.socket] = []
        self._since = self._began = time.monotonic()
        self._started_at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        self._version, self._version_source = worker.version, "declared"
        self._path = ""
        self._refusal = ""
        self._hosted_app: Any = None
        self._asks: deque[Request] = deque()
        self._futures: dict[int, asyncio.Future[bool]] = {}
        self._number = 0
        self._asked = asyncio.Event()
        self._wait_until = 0.0
        self._watchdog = Watchdog(worker.start_timeout, self._last_act)
        self._trace = Trace(
            worker.path("trace.jsonl"), "worker", self.instance[:12], context.origin
        )
        self._trace.generation = self._generation.number
        leave_children(worker.host, worker.port, self._pipes)

    # What the endpoints see.

    @property
    def token(self) -> str:
        """The secret that an admin call must know: what the file says now, else what it said."""
        return token_now(self.worker.path("token")) or self._token

    def _learn_token(self) -> None:
        self._token = admin_token(self.worker.path("token"), self.notices)

    def has_data(self) -> bool:
        """Whether the data dir is still the one that we serve; we stop when it is not.

        What were acknowledged then, would be nowhere.
        """
        if self._data.held and not self._data_gone and not self._data.is_at_its_path():
            self._data_gone = True
            say([f"{GONE.format(self._data.path)}: the worker takes nothing more"])
            self.ask(SHUTDOWN)
        return not self._data_gone

    def health(self) -> Health:
        """The worker's report, now."""
        worker, state = self.worker, self.state
        if self._data_gone and state in SERVING_STATES:
            state = STOPPING  # which it is about to be
        serving = state in SERVING_STATES
        return Health(
            pid=os.getpid(),
            version=self._version,
            state=state,
            generation=self._generation,
            host=worker.host,
            since=self._since,
            instance=self.instance,
            service=worker.name,
            data_dir=worker.data_dir,
            port=worker.port,
            status="ok" if serving else "starting" if state in COMING_UP_STATES else "handing-off",
            uptime=round(time.monotonic() - self._began, 3),
            started_at=self._started_at,
            worker_path=self._path,
            app=worker.app,
            refusal=self._refusal,
            managed=self._manager.respawns,
        )

    def extra(self) -> dict[str, object]:
        """What health tells beyond the report."""
        return {"versionSource": self._version_source, "python": sys.executable}

    @property
    def successor_is_chosen(self) -> bool:
        """Whether the record was read for a handover that is under way."""
        return bool(self._processes)

    def ask(self, what: str) -> asyncio.Future[bool]:
        """Put an ask before the worker; done when it may be answered, true for a joined one."""
        self._number += 1
        future = asyncio.get_running_loop().create_future()
        self._futures[self._number] = future
        self._asks.append(Request(what, self._number))
        self._asked.set()
        return future

    # The journal.

    async def note(self, row: Row, detail: str) -> None:
        """Write one transition to the trace; from here on health tells of it."""
        self.state = row.dest
        if not self._data_gone or self._data_dir == _identity(self.worker.data_dir):
            self._trace.note(row, detail)  # no line of ours in another data dir's journal
        self._manager.tell(row, self._successor)
        say(self.notices)
        self.notices.clear()
        if row.dest == VERIFIED and row.source in COMING_UP_STATES:
            await self._opened()

    # The port.

    async def listen(self) -> StepResult:
        """Listen on the address, fenced by the lock's token; the only proof of holding the port."""
        step = await self._listened()
        if step.event != "listen_ok":
            say([step.reason])
        return step

    async def _listened(self) -> StepResult:
        try:
            self._learn_token()
            passed = self._manager.socket_for(self.worker.host, self.worker.port)
            if self._context.by_hand:
                refused = await self._take_lock_by_hand(look=passed is None)
                if refused:
                    return StepResult("listen_lost", refused)
            return await self._listen_fenced(passed)
        except (FilesError, ValueError) as error:
            return StepResult("listen_lost", str(error))

    async def _nap(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def _listen_fenced(self, passed: socket.socket | None) -> StepResult:
        lock_token = self.lock_token if self._context.by_hand else self._context.lock_token
        guard = self.guard()
        await guard.wait(self._nap)
        try:
            owner = owner_in(files.read(self.worker.path("spawn.lock")) or b"")
            if owner is None or owner.token != lock_token:
                return StepResult(
                    "token_gone", "the spawn lock no longer carries our parent's token"
                )
            listener = passed or self._new_listener()
            if not self._data.take():
                listener.close()
                return StepResult("data_held", self._holder_of_data())
            self._listener = listener
            self._shared = self._shared or passed is not None
            self._alone = not self._shared
            self._number_ourselves()
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES, errno.EADDRNOTAVAIL):
                raise
            return StepResult(
                "listen_lost", f"{self.worker.host}:{self.worker.port}: {error.strerror}"
            )
        finally:
            guard.give_back()
        self._since = time.monotonic()
        return StepResult("listen_ok")

    def _holder_of_data(self) -> str:
        holder = holder_in(self._data.path)
        who = f"the worker {holder.pid} on {holder.node}" if holder else "another worker"
        return f"{who} serves {self.worker.data_dir} already; run `{command()} status`"

    def _number_ourselves(self) -> None:
        """Number our launch where our parent did not: by hand, or of the first edition.

        Under the guard.
        """
        if self._generation.number:
            return
        try:
            record = numbered(self.read_record())
            self.write_record(record)
        except (FilesError, NewerFormatError) as error:
            self.notices.append(str(error))
            return
        self._generation = record.generation
        self._trace.generation = self._generation.number

    def _new_listener(self) -> socket.socket:
        family = socket.AF_INET6 if ":" in self.worker.host else socket.AF_INET
        # asyncio turns Nagle's algorithm off only where TCP is named: 40 ms an answer.
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((self.worker.host, self.worker.port))
            listener.listen(BACKLOG)
        except OSError:
            listener.close()
            raise
        return listener

    async def _take_lock_by_hand(self, look: bool) -> str:
        """Take the lock for a worker that nobody spawned; give why not, or nothing.

        Without a `look` at the port: where the manager listens, it is never dark.
        """
        deadline = time.monotonic() + LEASE_S + MARGIN_S  # no dead one's lease outlasts it
        while True:
            if look and (await self._probe()).kind != h.DARK:
                return (
                    f"{self.worker.host}:{self.worker.port} is in use; "
                    f"run `{command()} status` to see by whom"
                )
            result = await self.acquire()
            if result.event == LOCK_REFUSED:
                return result.reason
            if result.event != HELD:
                return ""
            if time.monotonic() > deadline:
                return result.reason
            await asyncio.sleep(PAUSE_S)

    async def _probe(self) -> h.ProbeResult:
        worker = self.worker
        return await asyncio.to_thread(
            probe, worker.host, worker.port, worker.name, worker.data_dir, PROBE_TIMEOUT_S
        )

    async def take_data(self) -> StepResult:
        """Hold the serve lock, where it did not come with the socket."""
        try:
            reason = "" if self._data.take() else self._holder_of_data()
        except FilesError as error:
            reason = str(error)
        if reason:
            say([reason])
            return StepResult("data_held", reason)
        if self._generation.number:
            return StepResult("data_taken")
        guard = self.guard()
        try:
            await guard.wait(self._nap)
            self._number_ourselves()
        except FilesError as error:
            self.notices.append(str(error))
        finally:
            guard.give_back()
        return StepResult("data_taken")

    async def name_holder(self) -> None:
        """Write into the serve lock who serves, where, by which launch."""
        worker = self.worker
        if self._data.trouble:
            self.notices.append(self._data.trouble)
            return
        node, network = os.uname().nodename, network_id()
        holder = Holder(
            os.getpid(), worker.host, worker.port, network, node, self.instance, self._generation
        )
        try:
            self._data.name(holder)
        except FilesError as error:
            self.notices.append(str(error))

    async def free_data(self) -> None:
        """Let the serve lock go; the app is down."""
        self._data.release()

    async def close(self) -> None:
        """Free the port, also from copies that strayed; one that was passed on lives on.

        What is held of the data goes first.
        """
        self._data.close()
        if self._hosted_app is not None:
            self._hosted_app.connections.close_kept()
        if self._listener is not None:
            if self._alone:
                with contextlib.suppress(OSError):
                    self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
            if self._data_gone:
                say([f"stopped, because {GONE.format(self._data.path)}"])

    # Who we are.

    async def write_pid(self) -> None:
        """Write the PID file; one that can't be written is only worth a line in the log."""
        try:
            pid_file.write(self.worker.path("worker.pid"), self._version, self.worker.port)
        except FilesError as error:
            say([str(error)])
        self._watchdog.start()

    async def remove_pid(self) -> None:
        """Remove the PID file if it names this process."""
        pid_file.remove(self.worker.path("worker.pid"))

    # The app.

    async def load(self) -> StepResult:
        """Import the app, compare its version with the expected one."""
        responder = None
        if self._listener is not None:
            from .http.import_responder import ImportResponder

            names = self._names()
            responder = ImportResponder(
                self._listener, names, lambda: self.health().to_json() | self.extra()
            )
            responder.start()
        else:
            self._watchdog.start()
        try:
            step = self._load()
        finally:
            if responder is not None:
                self._kept += responder.stop()
        return await self._blamed(step)

    def _load(self) -> StepResult:
        from .app.hosted_app import HostedApp
        from .app.loading import AppError, load

        try:
            loaded = load(self.worker.app, self.worker.version)
            self._version, self._version_source = loaded.version, loaded.version_source
            self._path = loaded.path
            expected = self._context.expected
            if expected and not same(loaded.version, expected):
                error = f"the code says version {loaded.version}, the record says {expected}"
                return self._failed("wrong_version", error)
            self._hosted_app = HostedApp(self, self._names(), loaded.app)
        except AppError as error:
            return self._failed("app_failed", str(error))
        return StepResult("imported")

    def _names(self) -> frozenset[bytes]:
        from .http.admission import names_of

        return names_of(self.worker.host, self.worker.port)

    async def start_app(self) -> StepResult:
        """Run the app's lifespan up to its start; a cold start answers health meanwhile.

        A successor accepts nothing before `up`: what waits in the backlog survives its death.
        """
        assert self._listener is not None
        starting = asyncio.ensure_future(self._hosted_app.start_app())
        if self.state in COMING_UP_STATES and not self._context.standby:
            await asyncio.sleep(0)
            if not starting.done():
                await self._accept()
        trouble = await starting
        lack = RuntimeError(trouble)
        if shortage(lack):
            raise lack  # the app may be as good as ever
        self._watchdog.call_off()
        return await self._blamed(
            self._failed("app_failed", trouble) if trouble else StepResult("app_up")
        )

    async def _blamed(self, step: StepResult) -> StepResult:
        """Set the record back from a build run by hand that can't serve: nobody else will."""
        if (
            self._context.by_hand
            and self.state in COMING_UP_STATES
            and step.event in BUILD_AT_FAULT
        ):
            await self.reject(self._context.build or self.own_build(), step.reason, late=False)
        return step

    async def stop_app(self) -> None:
        """Run the app's lifespan to its end."""
        if not await self._hosted_app.stop_app(self.worker.drain_timeout):
            say(["the app's end took too long"])

    def _failed(self, event: str, error: str) -> StepResult:
        self._watchdog.call_off()
        say([error])
        return StepResult(event, error)

    def _last_act(self) -> None:
        """What must not be left behind when the watchdog ends the process."""
        row = Row("own_deadline", self.state, "failed")
        if self._listener is not None:
            pid_file.remove(self.worker.path("worker.pid"))
        if row in MACHINES["worker"][0]:
            self._trace.note(row, "")

    # The parent.

    async def say_ready(self) -> None:
        """Tell the parent that the standby is ready."""
        self._watchdog.call_off()
        self._tell_parent(READY_BYTE)

    async def say_up(self) -> None:
        """Tell the parent, in a byte that outlives us, that we are about to answer ok."""
        self._tell_parent(UP_BYTE)
        self._alone = not self._shared  # whoever passed us the socket never takes it back now
        if self._context.by_hand:
            await self.mark_good(self._context.build or self.own_build())
            await self.release()

    def _tell_parent(self, byte: bytes) -> None:
        if self._context.pipe is not None:
            with contextlib.suppress(OSError):
                self._context.pipe.send(byte)

    async def _accept(self) -> None:
        assert self._listener is not None
        self._hosted_app.connections.kept += self._kept
        self._kept = []
        await self._hosted_app.connections.accept(self._listener)

    async def _opened(self) -> None:
        self._hosted_app.open()
        if not self._hosted_app.connections.accepting:
            await self._accept()
        self._output.settle()
        gc.enable()
        gc.freeze()  # what is imported stays: later collections need not look at it again
        if self._context.pipe is not None:
            self._context.pipe.close()
            self._context.pipe = None

    # Those who ask.

    async def next_ask(self) -> Request:
        """Wait until somebody asks something of the worker."""
        while not self._asks:
            self._asked.clear()
            await self._asked.wait()
        return self._asks.popleft()

    async def poll_ask(self) -> Request | None:
        """Give what was asked meanwhile, if anything."""
        await asyncio.sleep(0)
        return self._asks.popleft() if self._asks else None

    async def accept_ask(self, ask: Request, joined: bool = False) -> None:
        """Let the 202 out; the state that tells of it is already seen in health."""
        future = self._futures.pop(ask.number, None)
        if future is not None and not future.done():
            future.set_result(joined)

    async def refuse(self, reason: str) -> None:
        """Let health tell why no handover took place."""
        self._refusal = reason

    # Time.

    async def hold_lock_wait(self) -> None:
        """Start the bounded wait for the lock that `pause` measures."""
        self._refusal = ""
        self._wait_until = time.monotonic() + self.worker.lock_timeout

    async def pause(self) -> bool:
        """Wait a moment; False when the wait for the lock is over."""
        if time.monotonic() > self._wait_until:
            return False
        await asyncio.sleep(PAUSE_S)
        return True

    # The successor.

    async def can_pass_socket(self, build: Build) -> bool:
        """Whether the seamless handover is possible with this build, here, now."""
        wishes = {self.worker.handover, dict(build.environment).get("INCUMBENT_HANDOVER", "")}
        able = "seamless" in build.strategies and hasattr(socket, "send_fds")
        return able and "rebind" not in wishes

    async def warm_up(self, child: Child) -> ChildExit | Request:
        """Wait until the standby is ready, gone or late, or somebody asks something."""
        process = self.process(child)
        deadline = time.monotonic() + self.worker.start_timeout + CHILD_GRACE_S
        listening = asyncio.ensure_future(self._hear(process))
        try:
            while not listening.done():
                if self._asks:
                    return self._asks.popleft()
                self._asked.clear()
                asked = asyncio.ensure_future(self._asked.wait())
                remaining = deadline - time.monotonic()
                await asyncio.wait(
                    {listening, asked},
                    timeout=max(remaining, 0),
                    return_when=asyncio.FIRST_COMPLETED,
                )
                asked.cancel()
                if remaining <= 0:
                    return ChildExit(None, late=True)
        finally:
            listening.cancel()
        if listening.result():
            return ChildExit(None, ready=True)
        return await self._reaped(child, process)

    async def _hear(self, process: Process) -> bool:
        """Take in one message; False when the pipe has ended."""
        process.pipe.setblocking(False)
        try:
            said = await asyncio.get_running_loop().sock_recv(process.pipe, 64)
        except OSError:
            said = b""
        process.heard(said)
        return bool(said)

    async def _reaped(self, child: Child, process: Process) -> ChildExit:
        """Give the end of a child whose pipe has ended; one that won't die is late."""
        deadline = time.monotonic() + MARGIN_S
        while (code := process.reap(0)) is None:
            if time.monotonic() > deadline:
                return ChildExit(None, late=True)
            await asyncio.sleep(REAP_STEP_S)
        return self.ended(child, code)

    async def watch(self, child: Child) -> ChildExit:
        """Wait until the child says `up`, or is gone, or late."""
        process = self.process(child)
        deadline = time.monotonic() + self.worker.start_timeout + CHILD_GRACE_S
        while not process.up:
            try:
                heard = await asyncio.wait_for(
                    self._hear(process), max(deadline - time.monotonic(), 0)
                )
            except TimeoutError:
                return ChildExit(None, late=True)
            if not heard:
                return await self._reaped(child, process)
        del self._processes[child.pid]
        process.let_go()
        self._successor = child.pid
        return ChildExit(None, up=True)

    async def drain(self, child: Child | None) -> bool:
        """Stop accepting; finish what is in flight, under a deadline.

        False when the standby that waits for the socket has died meanwhile: nothing is over yet.
        """
        for number in list(self._futures):  # nobody in flight may wait for what is over
            await self.accept_ask(Request("", number), joined=child is not None)
        draining = asyncio.ensure_future(self._drained(keep=child is not None))
        if child is None:
            await draining
            return True
        dying = asyncio.ensure_future(self._hear(self.process(child)))
        await asyncio.wait({draining, dying}, return_when=asyncio.FIRST_COMPLETED)
        if draining.done() and not (dying.done() and not dying.result()):
            dying.cancel()
            return True
        draining.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await draining
        return False

    async def _drained(self, keep: bool) -> None:
        connections = self._hosted_app.connections
        try:
            told = await connections.drain(keep, self.worker.drain_timeout)
        except Exception as error:  # the app still has to end, the port to be passed on
            connections.cut()
            told = [f"everything cut off, since the drain failed: {error!r}"]
        say(f"on the way out: {sentence}" for sentence in told)

    async def accept_again(self) -> None:
        """Accept connections on the port that we still hold; who had it from us is gone."""
        self._alone = not self._shared
        self._hosted_app.open()
        await self._accept()

    async def pass_socket(self, child: Child) -> bool:
        """Give the standby the listening socket; False when it is gone."""
        assert self._listener is not None
        self._alone = False
        takes_lock = TAKES_SERVE_LOCK in child.build.strategies
        return socket_passing.send(
            self.process(child).pipe,
            self._listener,
            self._hosted_app.connections.kept,
            self._shared,
            self._data.fd if takes_lock else -1,
        )

    async def await_socket(self) -> StepResult:
        """Wait for the socket, the end of the parent, or a stop."""
        assert self._context.pipe is not None
        loop = asyncio.get_running_loop()
        came = asyncio.Event()
        loop.add_reader(self._context.pipe, came.set)
        asked = asyncio.ensure_future(self._asked.wait())
        coming = asyncio.ensure_future(came.wait())
        await asyncio.wait({asked, coming}, return_when=asyncio.FIRST_COMPLETED)
        loop.remove_reader(self._context.pipe)
        asked.cancel()
        coming.cancel()
        if self._asks and not came.is_set():
            return StepResult("stop_asked")
        received = socket_passing.receive(self._context.pipe)
        if received is None:
            return StepResult("pipe_closed")
        self._learn_token()
        self._listener, self._kept = received.listener, received.kept
        self._shared = self._shared or received.shared
        if received.serve_lock >= 0:
            self._data.adopt(received.serve_lock)
        self._since = time.monotonic()
        return StepResult("socket_received")

    def _pipes(self) -> list[Any]:
        """Give the serve lock, our ends of the pairs by which we and ours report."""
        pipes = [self._context.pipe, *(process.pipe for process in self._processes.values())]
        return [self._data, *(pipe for pipe in pipes if hasattr(pipe, "fileno"))]

    def tick(self) -> None:
        """Renew what changes by the second; notice that the data dir is gone."""
        self.has_data()
        if self._hosted_app is not None:
            self._hosted_app.connections.tick()

    def hear_signals(self) -> None:
        """Let SIGTERM and SIGINT ask for a stop."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.ask, SHUTDOWN)


def _identity(folder: str) -> tuple[int, int] | None:
    try:
        told = os.stat(folder)
    except OSError:
        return None
    return told.st_dev, told.st_ino
