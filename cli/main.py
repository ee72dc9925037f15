"""Finds the command in the arguments, runs it, turns what happens into an exit code."""

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Protocol

    from incumbent.lifecycle.settings import Worker

    class Command(Protocol):
        """What every module behind a command offers; `Reply` is what it has to say."""

        def configure(self, parser: object) -> None:
            """Add the command's own arguments."""

        def run(self, worker: Worker, options: Namespace) -> int:
            """Do it and give the exit code."""


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
USAGE = "usage: worker-service [--data-dir D] [--port P] [--json] COMMAND\n"
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130


def main(argv: "list[str] | None" = None) -> int:
    """Run one command and give its exit code: the only place that decides one for an error."""
    words = sys.argv[1:] if argv is None else argv
    given, rest = split(words)
    if rest and rest[0] == "hook" and "trouble" not in given:
        from .hook import quick

        return quick(given, rest[1:])
    from .failures import guarded

    return guarded(given, rest)


def split(words: "list[str]") -> "tuple[dict[str, str], list[str]]":
    """Give the options of every command, wherever they stand, then all other words."""
    given: dict[str, str] = {}
    rest: list[str] = []
    words = list(words)
    while words:
        word = words.pop(0)
        name, equals, value = word.partition("=")
        if word == "--json":
            given["json"] = "yes"
        elif name in ("--data-dir", "--port"):
            if not equals and not words:
                given["trouble"] = f"{name} needs a value"
                continue
            given[name.lstrip("-").replace("-", "_")] = value if equals else words.pop(0)
        else:
            rest.append(word)
    return given, rest


def worker_of(given: "dict[str, str]") -> "Worker":
    """Give the worker that the options of every command name; raises SettingsError."""
    from incumbent.lifecycle.settings import Worker

    port = given.get("port")
    return Worker(
        data_dir=given.get("data_dir"),
        port=None if port is None else port,  # type: ignore[arg-type]  # checked there
    )


if __name__ == "__main__":
    sys.exit(main())
