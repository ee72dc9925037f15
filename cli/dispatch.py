"""Runs a command by name; the one place that turns errors into exit codes."""

from __future__ import annotations

import argparse
import functools
import importlib
import importlib.util
import io
import os
import sys
from collections.abc import Callable, Collection, Iterable
from typing import NoReturn

from incumbent.lifecycle.about import command
from incumbent.lifecycle.errors import (
    AnotherServiceError,
    IncumbentError,
    SettingsError,
    SettingsFileError,
    TrustError,
)
from incumbent.lifecycle.settings import Worker
from incumbent.lifecycle.shortage import shortage

from .arguments import USAGE, UsageError, places
from .command_table import COMMANDS, FOR_AUTHORS
from .output import UnwrittenError, as_json, check_written, show, tell

OPTIONS = {
    "--data-dir D": "the folder of the worker's files",
    "--port P": "where the worker listens",
    "--json": "one JSON object on stdout",
}

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130  # as a shell tells of SIGINT


class _Parser(argparse.ArgumentParser):
    wants_json = False

    def error(self, message: str) -> NoReturn:
        raise UsageError(message, *self.format_usage().rstrip().split("\n"))

    def print_help(self, file: object = None) -> None:
        del file
        _show(self.format_help(), self.wants_json)


def guarded(
    given: dict[str, str],
    rest: list[str],
    make: Callable[..., Worker],
    typed: bool,
    also: Collection[str] | None,
) -> int:
    """Run the command that `rest` begins with and give its exit code.

    `make` gives the worker; `typed` says that this process began for this command. Of the commands
    for authors there are those in `also`; with None, all.
    """
    wants_json = "json" in given
    if sys.stderr is None:  # closed by the caller: `print` would turn to stdout
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115 - for as long as the process lives
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        code = _run(given, rest, make, typed, _offered(also))
    except SettingsFileError as error:
        code = _failed(wants_json, error, EXIT_FAILED)
    except (UsageError, SettingsError) as error:
        code = _failed(wants_json, error, EXIT_USAGE)
    except (TrustError, AnotherServiceError) as error:
        from incumbent.lifecycle.drivers.ports import EXIT_LOST

        code = _failed(wants_json, error, EXIT_LOST if rest[0] == "run" else EXIT_FAILED)
    except (IncumbentError, OSError) as error:
        code = _failed(wants_json, error, EXIT_FAILED)
    except (MemoryError, RuntimeError, SystemError, ImportError) as error:
        why = shortage(error)
        if not why:
            raise
        again = f"make room, then run `{command()} {' '.join(rest)}`"
        code = _failed(wants_json, IncumbentError(f"{why}: {again}"), EXIT_FAILED)
    except KeyboardInterrupt:
        code = EXIT_INTERRUPTED
        if wants_json:
            as_json({"ok": False, "error": "interrupted", "event": ""})
    try:
        check_written()
    except UnwrittenError as error:
        tell(str(error))
        return code or EXIT_FAILED
    return code


def _run(
    given: dict[str, str],
    rest: list[str],
    make: Callable[..., Worker],
    typed: bool,
    offered: dict[str, tuple[str, str]],
) -> int:
    wants_json = "json" in given
    if "trouble" in given:
        raise UsageError(given["trouble"])
    if not rest:
        raise UsageError("which command?", *_usage(offered))
    if rest[0] in ("-h", "--help"):
        _show(_help(offered), wants_json)
        return 0
    if rest[0] == "--version":
        from incumbent.lifecycle.about import VERSION

        if wants_json:
            as_json({"ok": True, "version": VERSION})
        else:
            show(VERSION)
        return 0
    name, *words = rest
    if name not in offered:
        raise UsageError(f"no command {name!r}", *_usage(offered))
    sentence, module = offered[name]
    chosen = importlib.import_module(f"incumbent.cli.{module}")
    parser = _Parser(prog=f"{command()} {name}", description=_as_sentence(sentence))
    parser.wants_json = wants_json
    chosen.configure(parser)
    try:
        options = parser.parse_args(words)
    except SystemExit as shown:  # --help
        return int(shown.code or 0)
    options.json, options.typed = wants_json, typed
    make = functools.partial(make, **places(given))
    if hasattr(chosen, "examine"):
        return int(chosen.examine(make, options))
    worker = make()
    try:
        code: int = chosen.run(worker, options)
    finally:
        for notice in worker.notices:
            tell(notice)
    return code


def _offered(also: Collection[str] | None) -> dict[str, tuple[str, str]]:
    """Give the commands whose modules are there."""
    left_out = () if also is None else FOR_AUTHORS.difference(also)
    return {
        name: (sentence, module)
        for name, (sentence, module) in COMMANDS.items()
        if name not in left_out and importlib.util.find_spec(f"incumbent.cli.{module}")
    }


def _usage(offered: Iterable[str]) -> tuple[str, str]:
    """Give what a usage error ends with."""
    return f"usage: {command()} {USAGE}", f"commands: {', '.join(offered)}"


def _help(offered: dict[str, tuple[str, str]]) -> str:
    """Give every command with one line, then the options of all of them."""
    width = max(map(len, (*offered, *OPTIONS)))
    rows = [f"usage: {command()} {USAGE}", "", "commands:"]
    rows += [f"  {name:{width}}  {sentence}" for name, (sentence, _) in offered.items()]
    rows += ["", "options of every command:"]
    rows += [f"  {option:{width}}  {sentence}" for option, sentence in OPTIONS.items()]
    rows += [
        "",
        f"The words of one command: `{command()} COMMAND --help`.",
        "Settings: settings.json in the data dir, or variables; INCUMBENT_APP names an",
        "app of yours, as module:attribute. `restart` makes them so.",
    ]
    return "\n".join(rows)


def _as_sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _show(text: str, wants_json: bool) -> None:
    if wants_json:
        as_json({"ok": True, "usage": text})
    else:
        show(*text.rstrip().split("\n"))


def _failed(wants_json: bool, error: Exception, code: int) -> int:
    sentence = str(error)
    if isinstance(error, OSError) and error.strerror:
        what = f"can't use {error.filename}: " if error.filename else ""
        sentence = f"{what}{error.strerror}"
    tell(*getattr(error, "rows", (sentence,)))
    if wants_json:
        as_json({"ok": False, "error": sentence, "event": getattr(error, "event", "")})
    return code
