"""Runs one declared machine: the only module that imports `transitions`."""

import logging

from .._lazy_import import Unread
from .tables import MACHINES, Row

with Unread("inspect"):  # for models with callbacks: ours has none; without, a launch is 15 % less
    import transitions

logging.getLogger("transitions").setLevel(logging.ERROR)  # the trace is our journal


class RefusedError(Exception):
    """An event came for which the state has no row; the state has not moved."""

    def __init__(self, machine: str, state: str, event: str) -> None:
        super().__init__(machine, state, event)
        self.machine, self.state, self.event = machine, state, event

    def __str__(self) -> str:
        return f"{self.machine}: no row for {self.event} in {self.state}"


class _Model:
    """Holds the state for `transitions`; private, so that no method can shadow a trigger."""

    state: str


class Engine:
    """One run of one machine: a state that only `feed` can move."""

    def __init__(self, machine: str, initial: str) -> None:
        rows, initials, finals = MACHINES[machine]
        if initial not in initials:
            raise RefusedError(machine, initial, "begin")
        self.machine = machine
        self.finals = finals
        self._rows = {(row.source, row.event): row for row in rows}
        self._model = _Model()
        names = sorted({row.source for row in rows} | {row.dest for row in rows})
        self._machine = transitions.Machine(
            model=self._model,
            states=names,
            initial=initial,
            auto_transitions=False,
            transitions=[
                {"trigger": row.event, "source": row.source, "dest": row.dest} for row in rows
            ],
        )

    @property
    def state(self) -> str:
        """Where this run stands now."""
        return self._model.state

    @property
    def final(self) -> bool:
        """Whether this run is over."""
        return self.state in self.finals

    def feed(self, event: str) -> Row:
        """Move by one event and give the row taken; raises RefusedError and stays without one."""
        row = self._rows.get((self.state, event))
        if row is None:
            raise RefusedError(self.machine, self.state, event)
        self._machine.dispatch(event)
        return row
