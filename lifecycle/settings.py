"""What to run: a worker's settings, by argument, then environment, then file, then default."""

import os
import sys

from ._small_json import loads, read_small
from .about import VERSION
from .trust import check_data_dir, check_open

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

    from .errors import SettingsError

BUILT_IN_APP = "incumbent.server.recorder:app"
DEFAULT_NAME = "incumbent"
DEFAULT_HOST = "127.0.0.1"
PORT_BASE = 27000  # below every ephemeral range, where a connect could meet itself
PORT_SPAN = 1000

LEASE_S = 60.0  # a lock file older than this is anybody's
MARGIN_S = 5.0  # for what no budget counts: a busy machine, a slow disk
START_S = 15.0  # from spawn to the first healthy answer; 50 times a bare start
DRAIN_S = 5.0  # for the requests in flight
LOCK_S = 5.0  # a serving worker waits this long for the spawn lock
PATIENCE_S = 10.0  # for a port that accepts and does not answer: it may be busy
HANG_S = 60.0  # longer than any launcher waits for an answer

REBIND = "rebind"
STRATEGIES = ("seamless", REBIND)
KEPT = "30d,1G"
PROVED, OPEN = "proved", "open"  # by whom events are written and read
_ABSENT = object()
LOG_LEVELS = ("critical", "error", "warning", "info", "debug", "trace")


class Worker:
    """What to run and where: everything a launcher, a worker or a hook has to agree on.

    Arguments win over `INCUMBENT_*` variables, these over `settings.json` in the data dir, this
    over the defaults. `app` is `module:attribute`; `host` one literal address; timeouts are in
    seconds; `timeout` is that of one `ensure_running()`, `restart()` or `stop()`; a worker whose
    event loop stands still for `hang_timeout` ends, one that is unused for `idle_timeout` stops,
    one that grows beyond `max_memory` bytes restarts; 0 is never. With `events="open"` any program
    of this user may write and read events; `keep_events` says how long the built-in app keeps them.
    `mcp` is an MCP server as `module:attribute`, or `app` where the app serves `/mcp`. A settings
    file names no `python`. `pass_env` are names, or beginnings such as `MYTOOL_*`, of variables
    that the app gets too. In another name's worker the `INCUMBENT_*` variables don't count. Raises
    SettingsError for a value that can't be, TrustError for a data dir not this user's alone.
    """

    __slots__ = (
        "app", "data_dir", "drain_timeout", "environ", "events", "handover", "hang_timeout",
        "host", "idle_timeout", "keep_events", "lock_timeout", "log_level", "max_memory", "mcp",
        "name", "notices", "pass_env", "port", "python", "start_timeout", "timeout", "version",
    )  # fmt: skip

    def __init__(
        self,
        name: str | None = None,
        version: str | None = None,
        app: str | None = None,
        *,
        python: str | None = None,
        data_dir: str | os.PathLike[str] | None = None,
        host: str | None = None,
        port: int | str | None = None,
        log_level: str | None = None,
        handover: str | None = None,
        start_timeout: float | None = None,
        drain_timeout: float | None = None,
        lock_timeout: float | None = None,
        hang_timeout: float | None = None,
        idle_timeout: float | None = None,
        max_memory: int | str | None = None,
        events: str | None = None,
        keep_events: str | None = None,
        mcp: str | None = None,
        timeout: float | None = None,
        pass_env: "str | Iterable[str] | None" = None,
        environ: "Mapping[str, str] | None" = None,
    ) -> None:
        env = os.environ if environ is None else environ
        if name is not None and env.get("INCUMBENT_NAME", name) not in (name, ""):
            from .environment import without_ours

            env = without_ours(env)
        self.environ = env
        self.notices: list[str] = []
        given_name = name if name is not None else env.get("INCUMBENT_NAME") or None
        where = data_dir if data_dir is not None else env.get("INCUMBENT_DATA_DIR")
        if where == "":  # a variable that a shell did not know: neither the cwd nor the real one
            by = "INCUMBENT_DATA_DIR" if data_dir is None else "data_dir"
            raise _error(by, where, "a folder; leave it out for the default")
        if where is None:
            where = default_data_dir(_checked("name", given_name or DEFAULT_NAME, _name), env)
        self.data_dir = os.path.realpath(where)
        check_data_dir(self.data_dir)
        file = self._file_settings()
        if "python" in file:  # whoever may write a file of ours must not choose what is executed
            how = "name an interpreter by argument or by INCUMBENT_PYTHON"
            self.notices.append(f"settings.json: python is not taken from there; {how}")
            del file["python"]

        def pick(key: str, given: object, default: object, check: "Callable[[Any], Any]") -> "Any":
            filed = file.pop(key, _ABSENT)
            if given is not None:
                return _checked(key, given, check)
            variable = f"INCUMBENT_{key.upper()}"
            said = env.get(variable)
            if said:
                return _checked(variable, said, check)
            if filed is _ABSENT:
                return default
            try:
                return check(filed)
            except (ValueError, TypeError) as error:
                from .settings_file import without

                self.notices.append(without(self.path("settings.json"), key, filed, error))
            return default

        self.name: str = pick("name", name, DEFAULT_NAME, _name)
        self.host: str = pick("host", host, DEFAULT_HOST, _literal)
        found: int | None = pick("port", port, None, _port)
        self.port = default_port(self.data_dir) if found is None else found
        self.app: str = pick("app", app, BUILT_IN_APP, _app)
        self.version: str = pick("version", version, VERSION, _version)
        self.python: str = pick("python", python, sys.executable, str)
        self.log_level: str = pick("log_level", log_level, "info", _one_of(LOG_LEVELS))
        self.handover: str = pick("handover", handover, "seamless", _one_of(STRATEGIES))
        self.start_timeout: float = pick("start_timeout", start_timeout, START_S, _start_seconds)
        self.drain_timeout: float = pick("drain_timeout", drain_timeout, DRAIN_S, _seconds)
        self.lock_timeout: float = pick("lock_timeout", lock_timeout, LOCK_S, _seconds)
        self.hang_timeout = pick("hang_timeout", hang_timeout, HANG_S, lambda s: _seconds(s, 0))
        self.idle_timeout = pick("idle_timeout", idle_timeout, 0.0, lambda s: _seconds(s, 0))
        self.max_memory: int = pick("max_memory", max_memory, 0, lambda a: _amounts().size(a))
        self.events: str = pick("events", events, PROVED, _one_of((PROVED, OPEN)))
        self.keep_events: str = pick("keep_events", keep_events, KEPT, lambda a: _amounts().kept(a))
        self.mcp: str = pick("mcp", mcp or None, "", lambda m: m if m == "app" else _app(m))
        self.timeout: float = pick("timeout", timeout, self.run_budget, _seconds)
        self.pass_env: tuple[str, ...] = pick("pass_env", pass_env, (), _variables)
        if file:
            from .settings_file import unknown

            self.notices += unknown(file)

    @property
    def run_budget(self) -> float:
        """Seconds within which a handover with a rollback ends: what a waiter must outlast."""
        return self.lock_timeout + self.drain_timeout + 2 * self.start_timeout + 2 * MARGIN_S

    def path(self, *names: str) -> str:
        """Give the path of one of our files in the data dir."""
        return os.sep.join((self.data_dir, *names))  # a third of what `os.path.join` takes

    def _file_settings(self) -> dict[str, object]:
        path = self.path("settings.json")
        try:
            content = read_small(path, check_open)
        except OSError as error:
            gone = isinstance(error, (FileNotFoundError, NotADirectoryError))
            if gone and not os.path.islink(path):
                return {}
            from .settings_file import unreadable

            raise unreadable(path, error) from error
        try:
            said = loads(_without_comment_lines(content) if b"//" in content else content)
        except (ValueError, RecursionError):
            said = None
        if isinstance(said, dict):
            return said
        from .settings_file import read

        return read(path, content)


def _without_comment_lines(content: bytes) -> bytes:
    """Give the file as the first run writes it without its comments, with settings or without.

    What else there may be in it is left for the reader that knows more.
    """
    rows = [row for row in content.split(b"\n") if not row.lstrip().startswith(b"//")]
    inside, end, after = b"\n".join(rows).rpartition(b"}")
    return inside.rstrip().removesuffix(b",") + end + after


def default_data_dir(name: str, environ: "Mapping[str, str]") -> str:
    """Give the platform's per-user data dir for this service."""
    home = environ.get("HOME")
    if not home:
        from .home import home_by_database

        home = home_by_database()
    if sys.platform == "darwin":
        return os.path.join(home, "Library", "Application Support", "incumbent", name)
    base = environ.get("XDG_DATA_HOME", "")
    if not os.path.isabs(base):  # relative ones are to be ignored (XDG base directories 0.8)
        base = os.path.join(home, ".local", "share")
    return os.path.join(base, "incumbent", name)


def default_port(data_dir: str) -> int:
    """Give this user's port for this data dir: the same on every call, 27000 to 27999."""
    from binascii import crc32

    return PORT_BASE + crc32(os.fsencode(f"{os.getuid()}:{data_dir}")) % PORT_SPAN


def _error(setting: str, value: object, expected: str) -> "SettingsError":
    from .errors import SettingsError  # not on the way of a hook whose settings are fine

    return SettingsError(setting, value, expected)


def _checked(key: str, value: object, check: "Callable[[Any], Any]") -> "Any":
    try:
        return check(value)
    except (ValueError, TypeError) as error:
        raise _error(key, value, str(error)) from error


def _name(value: object) -> str:
    text = value if isinstance(value, str) else ""
    if not text or not all(c.isalnum() or c in "._-" for c in text) or text.startswith("."):
        raise ValueError("letters, digits, '.', '_' or '-'")
    return text


def _literal(value: object) -> str:
    from _socket import AF_INET, AF_INET6, inet_pton

    try:
        inet_pton(AF_INET6 if ":" in str(value) else AF_INET, str(value))
    except OSError as error:
        raise ValueError("one literal address such as 127.0.0.1, not a name") from error
    if not (str(value).startswith("127.") or value == "::1"):
        raise ValueError("a loopback address")
    return str(value)


def _port(value: object) -> int:
    if isinstance(value, bool) or not str(value).isdigit() or not 0 < int(str(value)) < 65536:
        raise ValueError("a port between 1 and 65535")
    return int(str(value))


def _app(value: object) -> str:
    if not all(str(value).partition(":")):
        raise ValueError("module:attribute")
    return str(value)


def _version(value: object) -> str:
    from .versions import parse, plain  # the install's own version is not checked

    if not plain(text := str(value)):
        parse(text)
    return text


def _seconds(value: object, off: float = -1.0) -> float:
    try:
        seconds = float(str(value))
    except ValueError as error:
        raise ValueError("a number of seconds") from error
    if not 0 < seconds < 1e6 and seconds != off:
        raise ValueError("a positive number of seconds")
    return seconds


def _start_seconds(value: object) -> float:
    seconds = _seconds(value)
    if seconds + MARGIN_S >= LEASE_S:
        raise ValueError(f"less than {LEASE_S - MARGIN_S:g} s")
    return seconds


def _variables(value: object) -> tuple[str, ...]:
    from .environment import names

    return names(value)


def _amounts() -> "Any":
    from . import settings_file  # few set what it checks

    return settings_file


def _one_of(words: tuple[str, ...]) -> "Callable[[object], str]":
    def check(value: object) -> str:
        if value not in words:
            raise ValueError("one of " + ", ".join(words))
        return str(value)

    return check
