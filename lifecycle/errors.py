"""The errors a caller may meet, each with its facts as attributes."""

from __future__ import annotations

from .about import command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .health import ProbeResult


class IncumbentError(Exception):
    """Base of every error that this package raises on purpose."""


class SettingsError(IncumbentError):
    """The caller asked for something that can't be: a bad port, a host that is a name."""

    def __init__(self, setting: str, value: object, expected: str) -> None:
        super().__init__(setting, value, expected)
        self.setting, self.value, self.expected = setting, value, expected

    def __str__(self) -> str:
        return f"{self.setting} is {self.value!r}, expected {self.expected}"


class SettingsFileError(SettingsError):
    """The settings file can't be read, or says where or what to run in a way that can't be.

    Nothing runs meanwhile: the defaults would be another place over the same data. `line` is 0
    where no line is at fault.
    """

    def __init__(self, path: str, line: int, what: str) -> None:
        super().__init__(path, line, what)
        self.path, self.line, self.what = path, line, what

    @property
    def finding(self) -> str:
        """What is wrong and where, without what to do."""
        return f"{self.path}{f', line {self.line}' if self.line else ''}: {self.what}"

    def __str__(self) -> str:
        return f"{self.finding}; mend it, then run `{command()} start`"


class InsideWorkerError(IncumbentError):
    """A worker's own event loop asks for that worker, which could not answer meanwhile."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name

    def __str__(self) -> str:
        return (
            f"this is the worker of {self.name} itself, so it runs; in a handler that is async, "
            "call `await ensure_running_async()`, which does not block it"
        )


class FilesError(IncumbentError):
    """A file of ours could not be used for another reason than being contended."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path, self.reason = path, reason

    def __str__(self) -> str:
        return f"can't use {self.path}: {self.reason}; mend it, then run `{command()} start`"


class TrustError(FilesError):
    """Another user owns, may write, or could swap what we go by; nothing of it was used.

    `what` is wrong with the file or folder at `path`, `advice` what to do about it; `owner` is a
    user's number, `mode` the permission bits.
    """

    def __init__(self, path: str, what: str, advice: str, owner: int, mode: int) -> None:
        super().__init__(path, f"{what}; {advice}")
        self.what, self.advice, self.owner, self.mode = what, advice, owner, mode

    def __str__(self) -> str:
        return f"won't use {self.path}: {self.reason}"


class AnotherServiceError(FilesError):
    """The data dir is another service's: `path` is the file that names `service`."""

    def __init__(self, path: str, service: str, name: str) -> None:
        super().__init__(path, f"it belongs to the service {service!r}, not to {name!r}")
        self.service, self.name = service, name

    def __str__(self) -> str:
        return f"won't use {self.path}: {self.reason}; {self.advice}"

    @property
    def advice(self) -> str:
        """What to do about it."""
        return "choose another data dir with INCUMBENT_DATA_DIR"


class NotVerifiedError(IncumbentError):
    """No worker could be verified before the run ended.

    `event` is the last row's event, `reason` the sentence, `seen` the last probe, `last_output`
    what the failed child wrote to stderr.
    """

    def __init__(
        self, event: str, reason: str, seen: ProbeResult | None, last_output: str = ""
    ) -> None:
        super().__init__(event, reason)
        self.event, self.reason, self.seen, self.last_output = event, reason, seen, last_output

    def __str__(self) -> str:
        return self.reason


class StopError(IncumbentError):
    """The port could not be proved free: `seen` says what is still there."""

    def __init__(self, event: str, reason: str, seen: ProbeResult | None) -> None:
        super().__init__(event, reason)
        self.event, self.reason, self.seen = event, reason, seen

    def __str__(self) -> str:
        return self.reason
