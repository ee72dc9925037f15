"""Runs a command by name; the one place that turns errors into exit codes."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from typing import NoReturn

from incumbent.lifecycle.errors import IncumbentError, NotVerifiedError, SettingsError, StopError

from .arguments import COMMANDS, USAGE, worker_of
from .output import as_json, tell

EXIT_USAGE = 2
EXIT_INTERRUPTED = 130


class _UsageError(Exception):
    """The arguments make no command."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise _UsageError(f"{message}\n{self.format_usage().rstrip()}")


def guarded(given: dict[str, str], rest: list[str]) -> int:
    """Run the command that `rest` begins with and give its exit code."""
    wants_json = "json" in given
    try:
        code = _run(given, rest)
        sys.stdout.flush()
        return code
    except (_UsageError, SettingsError) as error:
        return _failed(wants_json, str(error), EXIT_USAGE)
    except (NotVerifiedError, StopError) as error:
        return _failed(wants_json, str(error), 1, error.event)
    except IncumbentError as error:
        return _failed(wants_json, str(error), 1)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # whoever read us has read enough
        return 1


def _run(given: dict[str, str], rest: list[str]) -> int:
    if "trouble" in given:
        raise _UsageError(given["trouble"])
    if not rest or rest[0] in ("-h", "--help"):
        sys.stdout.write(f"{USAGE}\ncommands: {', '.join(COMMANDS)}\n")
        return 0 if rest else EXIT_USAGE
    if rest[0] == "--version":
        from incumbent.lifecycle.about import VERSION

        print(VERSION)
        return 0
    name, *words = rest
    if name not in COMMANDS:
        raise _UsageError(f"no command {name!r}\n{USAGE.rstrip()}")
    command = importlib.import_module(f"incumbent.cli.{COMMANDS[name]}")
    parser = _Parser(prog=f"worker-service {name}", description=command.__doc__)
    command.configure(parser)
    try:
        options = parser.parse_args(words)
    except SystemExit as shown:  # --help
        return int(shown.code or 0)
    options.json = "json" in given
    code: int = command.run(worker_of(given), options)
    return code


def _failed(wants_json: bool, sentence: str, code: int, event: str = "") -> int:
    if wants_json:
        as_json({"ok": False, "error": sentence, "event": event})
    tell(sentence)
    return code
