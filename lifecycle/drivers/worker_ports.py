"""The rooms that a worker has besides those of every holder of the lock."""

from __future__ import annotations

from typing import Protocol

from ..record import Build
from .ports import Child, ChildExit, ChildPort, Holder, Request, StepResult


class AddressPort(Protocol):
    """The address, the data dir, and what tells others who has them."""

    async def listen(self) -> StepResult:
        """Listen on the address, fenced by the lock's token; the only proof of holding the port."""

    async def take_data(self) -> StepResult:
        """Hold the serve lock, where it did not come with the socket: `data_taken`, `data_held`."""

    async def name_holder(self) -> None:
        """Write into the serve lock who serves, where, by which launch."""

    async def settle(self) -> None:
        """Write into the serve lock that we have served for a while."""

    async def free_data(self) -> None:
        """Let the serve lock go; the app is down."""

    async def close(self) -> None:
        """Free the port, with what is held of the data."""

    async def write_pid(self) -> None:
        """Write the PID file."""

    async def remove_pid(self) -> None:
        """Remove the PID file if it names this process."""


class AppPort(Protocol):
    """The app with its connections."""

    async def load(self) -> StepResult:
        """Import the app, compare its version with the expected one."""

    async def start_app(self) -> StepResult:
        """Run the app's lifespan up to its start."""

    async def stop_app(self) -> None:
        """Run the app's lifespan to its end."""

    async def accept_again(self) -> None:
        """Accept connections on the port that we still hold."""


class ParentPort(Protocol):
    """The process that spawned us."""

    async def say_ready(self) -> None:
        """Tell the parent that the standby is ready."""

    async def say_up(self) -> None:
        """Tell the parent, in a byte that outlives us, that we are about to answer ok."""

    async def await_socket(self) -> StepResult:
        """Wait for the socket, the end of the parent, or a stop."""


class RequestPort(Protocol):
    """Those who ask something of the worker."""

    async def next_ask(self) -> Request:
        """Wait until something is asked of the worker, nobody used it for too long, or it settled.

        It settles once.
        """

    async def poll_ask(self) -> Request | None:
        """Give what was asked meanwhile, if anything."""

    async def accept_ask(self, ask: Request, joined: bool = False) -> None:
        """Let the 202 out; the state that tells of it is already seen in health.

        `joined` says that the successor was chosen before this ask.
        """


class SuccessorPort(ChildPort, Protocol):
    """The child that is to take over from us."""

    async def can_pass_socket(self, build: Build) -> bool:
        """Whether the seamless handover is possible with this build, here, now."""

    async def warm_up(self, child: Child) -> ChildExit | Request:
        """Wait until the standby is ready, gone or late, or somebody asks something."""

    async def drain(self, child: Child | None) -> bool:
        """Stop accepting; finish what is in flight, under a deadline.

        False when the standby that waits for the socket has died meanwhile: nothing is over yet.
        """

    async def pass_socket(self, child: Child) -> bool:
        """Give the standby the listening socket; False when it is gone."""


class WorkerPort(Holder, Protocol):
    """What a worker needs on top: the address, the app, those who ask."""

    @property
    def children(self) -> SuccessorPort:
        """The processes that we spawn, one of which takes over."""

    @property
    def address(self) -> AddressPort:
        """The address and the data dir."""

    @property
    def app(self) -> AppPort:
        """The app with its connections."""

    @property
    def parent(self) -> ParentPort:
        """The process that spawned us."""

    @property
    def requests(self) -> RequestPort:
        """Those who ask."""

    async def refuse(self, reason: str) -> None:
        """Let health tell why no handover took place."""

    async def hold_lock_wait(self) -> None:
        """Start the bounded wait for the lock that `pause` measures."""
