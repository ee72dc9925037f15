"""Runs one declared machine: the only module that imports `transitions`."""

from __future__ import annotations

from .._lazy_import import Given, Later
from .tables import MACHINES, Row

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class _Log:
    """What the library logs: nothing below an error, since the trace is our journal."""

    NullHandler = object

    def getLogger(self, name: str) -> _Log:  # noqa: N802 - as `logging` spells it
        del name
        return self

    def debug(self, *_: object) -> None:
        pass

    addHandler = info = warning = debug  # noqa: N815 - as `logging` spells it

    def error(self, message: str, *said: object) -> None:
        import logging

        logging.getLogger("transitions").error(message, *said)


class _Six:
    """The one name of `six` that the library asks for, as Python 3 has it."""

    string_types = (str,)


class _Warnings(Later):
    """`warnings` without the library's filter for its own: a filter is compiled at once."""

    def filterwarnings(self, *_: object, **__: object) -> None:
        pass


# What the library loads for models with callbacks, and for Python 2: a third of a launch.
_PUT_OFF = {
    "inspect": Later("inspect"),
    "logging": _Log(),
    "six": _Six,
    "warnings": _Warnings("warnings"),
}
with Given("transitions.core", _PUT_OFF):
    import transitions


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
    trigger: Callable[[str], bool]


class Engine:
    """One run of one machine: a state that only `feed` can move."""

    def __init__(self, machine: str, initial: str) -> None:
        rows, self._initials, finals = MACHINES[machine]
        self.machine = machine
        names = sorted({row.source for row in rows} | {row.dest for row in rows})
        self._model = _Model()
        self._machine = transitions.Machine(
            model=self._model,
            states=[{"name": name, "final": name in finals} for name in names],
            initial=names[0],
            auto_transitions=False,
            transitions=[
                {"trigger": row.event, "source": row.source, "dest": row.dest} for row in rows
            ],
        )
        self.begin(initial)

    def begin(self, initial: str) -> None:
        """Begin a run; raises RefusedError for a state in which none may begin."""
        if initial not in self._initials:
            raise RefusedError(self.machine, initial, "begin")
        self._machine.set_state(initial)

    @property
    def state(self) -> str:
        """Where this run stands now."""
        return self._model.state

    @property
    def final(self) -> bool:
        """Whether this run is over."""
        return bool(self._machine.get_state(self.state).final)

    def feed(self, event: str) -> Row:
        """Move by one event and give the row taken; raises RefusedError and stays without one.

        The library decides: what it refuses, as unknown or as not from here, is refused.
        """
        source = self.state
        try:
            self._model.trigger(event)
        except (transitions.MachineError, AttributeError):
            raise RefusedError(self.machine, source, event) from None
        return Row(event, source, self.state)
