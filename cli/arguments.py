"""Takes the arguments apart: the options of every command, the command, its own words."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from incumbent.lifecycle.settings import Worker

# command -> the module here that offers `configure(parser)` and `run(worker, options)`
COMMANDS = {
    "start": "start",
    "stop": "stop",
    "restart": "restart",
    "status": "status",
    "run": "run",
    "hook": "hook",
    "mcp": "mcp",
    "trace": "trace",
    "diagrams": "diagrams",
    "build-and-sync": "build",
    "doctor": "doctor",
}
USAGE = "usage: worker-service [--data-dir D] [--port P] [--json] COMMAND"


class UsageError(Exception):
    """The arguments make no command."""


def split(words: "list[str]") -> "tuple[dict[str, str], list[str]]":
    """Give the options of every command, wherever they stand, then all other words.

    Under `trouble` stands what is wrong with them. An empty value is: it is a variable that the
    shell did not know, where the default would be somebody's real data dir.
    """
    given: dict[str, str] = {}
    rest: list[str] = []
    words = list(words)
    while words:
        word = words.pop(0)
        name, equals, value = word.partition("=")
        if word == "--json":
            given["json"] = "yes"
        elif name in ("--data-dir", "--port"):
            if not equals and words and not words[0].startswith("--"):
                value = words.pop(0)
            if not value:
                given["trouble"] = f"{name} needs a value"
            given[name.lstrip("-").replace("-", "_")] = value
        else:
            rest.append(word)
    return given, rest


def worker_of(given: "dict[str, str]") -> "Worker":
    """Give the worker that the options of every command name; raises SettingsError."""
    from incumbent.lifecycle.settings import Worker

    port: Any = given.get("port")  # text is checked as settings from elsewhere are
    return Worker(data_dir=given.get("data_dir"), port=port)


def seconds(text: str) -> float:
    """Give a duration in seconds; raises ValueError for what is none, or would never end."""
    duration = float(text)
    if not 0 < duration < 1e6:  # also refuses nan, a deadline that never passes
        raise ValueError("a positive number of seconds")
    return duration
