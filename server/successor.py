"""The children of a worker that hands over, waited for beside its event loop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time

from incumbent.lifecycle.drivers.ports import Child, ChildExit, Request
from incumbent.lifecycle.generation import Generation
from incumbent.lifecycle.posix.child_process import TAKES_SERVE_LOCK, Process
from incumbent.lifecycle.posix.child_processes import CHILD_GRACE_S, ChildProcesses
from incumbent.lifecycle.record import Build
from incumbent.lifecycle.settings import MARGIN_S, Worker

from .data_hold import DataHold
from .hosting import Hosting
from .listening import Listening
from .process import socket_passing
from .requests import Requests

REAP_STEP_S = 0.002


class Successor:
    """The child that is to take over; `last` is the pid of the one that did, 0 for none."""

    def __init__(
        self,
        worker: Worker,
        processes: ChildProcesses,
        requests: Requests,
        listening: Listening,
        data: DataHold,
        hosting: Hosting,
    ) -> None:
        self._worker, self._processes, self._requests = worker, processes, requests
        self._listening, self._data, self._hosting = listening, data, hosting
        self.last = 0

    async def can_pass_socket(self, build: Build) -> bool:
        """Whether the seamless handover is possible with this build, here, now."""
        wishes = {self._worker.handover, dict(build.environment).get("INCUMBENT_HANDOVER", "")}
        able = "seamless" in build.strategies and hasattr(socket, "send_fds")
        return able and "rebind" not in wishes

    async def spawn(self, build: Build, generation: Generation, standby: bool) -> Child:
        """Create the process; one that can't be created is a child that is gone."""
        return self._processes.spawn(build, generation, standby)

    async def kill(self, child: Child) -> ChildExit:
        """Kill the child and wait for its death."""
        return self._processes.kill(child)

    async def warm_up(self, child: Child) -> ChildExit | Request:
        """Wait until the standby is ready, gone or late, or somebody asks something."""
        process = self._processes.process(child)
        deadline = time.monotonic() + self._worker.start_timeout + CHILD_GRACE_S
        listening = asyncio.ensure_future(self._hear(process))
        try:
            while not listening.done():
                ask = self._requests.taken()
                if ask is not None:
                    return ask
                asked = asyncio.ensure_future(self._requests.something_new())
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

    async def watch(self, child: Child) -> ChildExit:
        """Wait until the child says `up`, or is gone, or late."""
        process = self._processes.process(child)
        deadline = time.monotonic() + self._worker.start_timeout + CHILD_GRACE_S
        while not process.up:
            try:
                heard = await asyncio.wait_for(
                    self._hear(process), max(deadline - time.monotonic(), 0)
                )
            except TimeoutError:
                return ChildExit(None, late=True)
            if not heard:
                return await self._reaped(child, process)
        self._processes.let_go(child)
        self.last = child.pid
        return ChildExit(None, up=True)

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
        return self._processes.ended(child, code)

    async def drain(self, child: Child | None) -> bool:
        """Stop accepting; finish what is in flight, under a deadline.

        False when the standby that waits for the socket has died meanwhile: nothing is over yet.
        """
        keep = child is not None
        await self._requests.accept_all(keep)  # nobody in flight may wait for what is over
        draining = asyncio.ensure_future(self._hosting.let_finish(keep))
        if child is None:
            await draining
            return True
        dying = asyncio.ensure_future(self._hear(self._processes.process(child)))
        await asyncio.wait({draining, dying}, return_when=asyncio.FIRST_COMPLETED)
        if draining.done() and not (dying.done() and not dying.result()):
            dying.cancel()
            return True
        draining.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await draining
        return False

    async def pass_socket(self, child: Child) -> bool:
        """Give the standby the listening socket; False when it is gone."""
        assert self._listening.listener is not None
        self._listening.is_passed_on()
        takes_lock = TAKES_SERVE_LOCK in child.build.strategies
        return socket_passing.send(
            self._processes.process(child).pipe,
            self._listening.listener,
            self._hosting.hosted_app.connections.kept,
            self._listening.shared,
            self._data.fd if takes_lock else -1,
        )
