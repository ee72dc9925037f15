"""Runs a declared machine by asking each state what to do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from ..machine.engine import Engine
from .ports import Journal

Work = Callable[[], Awaitable[str]]


class Driver:
    """One run of one machine over one system; `detail` explains the event just returned."""

    def __init__(self, machine: str, initial: str, journal: Journal) -> None:
        self.engine = Engine(machine, initial)
        self._journal = journal
        self.detail = ""
        self.last_event = ""

    @property
    def state(self) -> str:
        """Where this run stands now."""
        return self.engine.state

    def work(self) -> Mapping[str, Work]:
        """Give what to do in each state that is not final."""
        raise NotImplementedError

    async def run(self) -> str:
        """Run until a final state and give the last event."""
        work = self.work()
        while not self.engine.final:
            self.detail = ""
            self.last_event = await work[self.engine.state]()
            row = self.engine.feed(self.last_event)
            await self._journal.note(row, self.detail)
        return self.last_event
