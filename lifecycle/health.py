"""What a worker says of itself, as the values that cross from the probe to the drivers."""

from .machine import states

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .generation import Generation

DARK = "dark"  # refused: nobody listens
SILENT = "silent"  # accepts, gives no answer
FOREIGN = "foreign"  # answers, but is not ours
NO_ADDRESS = "no-address"  # this machine does not have the address at all
WORKER_STARTING = "starting"
WORKER_SERVING = "serving"
WORKER_LEAVING = "leaving"

# What the serve lock says, where no worker answers for it.
DATA_FREE = "data-free"  # nobody runs the app on this data dir
DATA_HELD = "data-held"  # somebody does, who does not answer yet or any more
OUT_OF_REACH = "out-of-reach"  # somebody does, on another host or in another network namespace


class Health:
    """One worker's report.

    `uptime` is in seconds; `since`, the moment it began to serve, on its own monotonic clock, in
    seconds, to be shown and never compared; `generation` is the number of its launch; `instance`
    names this one process for ever. `refusal` says why it last
    refused a handover; `managed`, that a service manager starts it again when it exits.
    """

    __slots__ = (
        "_launch",
        "app",
        "data_dir",
        "host",
        "instance",
        "managed",
        "pid",
        "port",
        "refusal",
        "service",
        "since",
        "started_at",
        "state",
        "status",
        "uptime",
        "version",
        "worker_path",
    )

    def __init__(
        self,
        *,
        pid: int,
        version: str,
        state: str,
        instance: str,
        generation: tuple[str, int] = ("", 0),
        since: float = 0.0,
        host: str = "",
        service: str = "",
        data_dir: str = "",
        port: int = 0,
        status: str = "ok",
        uptime: float = 0.0,
        started_at: str = "",
        worker_path: str = "",
        app: str = "",
        refusal: str = "",
        managed: bool = False,
    ) -> None:
        self.pid, self.version, self.state, self.since = pid, version, state, since
        self._launch, self.host = generation, host
        self.instance, self.service, self.data_dir, self.port = instance, service, data_dir, port
        self.status, self.uptime, self.started_at = status, uptime, started_at
        self.worker_path, self.app, self.refusal = worker_path, app, refusal
        self.managed = managed

    @classmethod
    def from_json(cls, said: object) -> "Health":
        """Give the report in a decoded health answer; raises ValueError when it is none."""
        if not isinstance(said, dict):
            raise ValueError("not an object")
        pid, since, port = said.get("pid"), said.get("since"), said.get("port")
        uptime = said.get("uptime")
        if type(pid) is not int or pid <= 0 or type(port) is not int:
            raise ValueError("no pid")
        if not isinstance(since, (int, float)) or not isinstance(uptime, (int, float)):
            raise ValueError("no time of service")
        texts = {}
        for name in _TEXTS:
            text = said.get(_NAMES.get(name, name), "" if name in _NEWER else None)
            if not isinstance(text, str):
                raise ValueError(f"no {name}")
            texts[name] = text
        then, phase = texts["state"], texts.pop("phase")
        if phase and states.IN_FIRST_EDITION.get(phase, phase) == then:
            texts["state"] = phase
        else:
            texts["state"] = states.OF_FIRST_EDITION.get(then, then)
        managed = said.get("managed") is True
        generation = (texts.pop("line"), _number(said.get("generation")))
        return cls(
            pid=pid,
            since=since,
            port=port,
            uptime=uptime,
            managed=managed,
            generation=generation,
            **texts,
        )

    def to_json(self) -> dict[str, object]:
        """Give the report as the health endpoint says it.

        `state` is told in the words of 0.1.0, whose launchers take an unknown one for a stranger's;
        `phase` is today's.
        """
        said = {_NAMES.get(name, name): getattr(self, name) for name in self.__slots__}
        said["line"], said["generation"] = said.pop("_launch")
        then = states.IN_FIRST_EDITION.get(self.state, self.state)
        return said | {"state": then, "phase": self.state}

    @property
    def generation(self) -> "Generation":
        """The number of its launch."""
        from .generation import Generation  # whoever only asks who serves compares no numbers

        return Generation(*self._launch)

    def is_at(self, host: str, port: int) -> bool:
        """Whether the worker serves at this address; the first edition does not tell its host."""
        return self.port == port and self.host in ("", host)

    def address(self, host: str, port: int) -> tuple[str, int]:
        """Give where the worker serves, for who expects it at this address."""
        return (host, port) if self.is_at(host, port) else (self.host, self.port)

    def __repr__(self) -> str:
        return f"Health(pid={self.pid}, version={self.version}, state={self.state})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Health) and all(
            getattr(self, name) == getattr(other, name) for name in self.__slots__
        )

    def __hash__(self) -> int:
        return hash((self.instance, self.state, self.refusal))


_NAMES = {"data_dir": "dataDir", "started_at": "startedAt", "worker_path": "workerPath"}
_TEXTS = (
    "app",
    "data_dir",
    "host",
    "instance",
    "line",
    "phase",
    "refusal",
    "service",
    "started_at",
    "state",
    "status",
    "version",
    "worker_path",
)


_NEWER = frozenset({"host", "line", "phase", "refusal"})  # what the first workers did not tell


def _number(said: object) -> int:
    return said if type(said) is int and said > 0 else 0


class ProbeResult:
    """What one probe saw: a kind, with the worker's health or a detail for people.

    `claim` is what a foreign one says of itself that calls itself our worker.
    """

    __slots__ = ("claim", "detail", "health", "kind")

    def __init__(
        self,
        kind: str,
        health: "Health | None" = None,
        detail: str = "",
        claim: "Health | None" = None,
    ) -> None:
        self.kind, self.health, self.detail, self.claim = kind, health, detail, claim

    def __repr__(self) -> str:
        return f"ProbeResult({self.kind}, {self.health}, {self.detail!r})"

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, ProbeResult)
            and (self.kind, self.detail) == (other.kind, other.detail)
            and self.health == other.health
        )

    def __hash__(self) -> int:
        return hash((self.kind, self.health, self.detail))


def result_of(health: "Health") -> "ProbeResult":
    """Give what a probe saw when a worker of ours answered."""
    if health.state in states.COMING_UP_STATES or health.state in states.RESUMED_STATES:
        return ProbeResult(WORKER_STARTING, health)
    if health.state in states.LEAVING_STATES or health.state in states.WORKER_FINAL:
        return ProbeResult(WORKER_LEAVING, health)
    if health.state == states.VERIFIED:
        return ProbeResult(WORKER_SERVING, health)
    return ProbeResult(FOREIGN, None, f"a worker in the unknown state {health.state!r}")
