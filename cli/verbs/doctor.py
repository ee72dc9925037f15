"""Tells what is wrong here, each with the next command to type; changes nothing."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from incumbent.lifecycle import status
from incumbent.lifecycle.errors import SettingsError, SettingsFileError, TrustError
from incumbent.lifecycle.health import SILENT
from incumbent.lifecycle.on_port import describe
from incumbent.lifecycle.settings import Worker

from ..doctor.checks import findings
from ..doctor.finding import Finding
from ..other_settings import other_settings, sentence
from ..output import as_json, show
from ..table import BAD, GOOD, on_terminal, show_facts, show_table


def configure(parser: argparse.ArgumentParser) -> None:
    """Add nothing: `doctor` has no arguments of its own."""


def examine(make: Callable[..., Worker], options: argparse.Namespace) -> int:
    """Print what is wrong, or what there is; also when no worker can be made of the settings."""
    others: list[str] = []
    try:
        worker = make()
    except SettingsFileError as error:
        found, there = [Finding("settings", error.finding, f"mend {error.path}")], "unknown"
    except SettingsError as error:
        found, there = [Finding("settings", str(error), "set it right, or unset it")], "unknown"
    except TrustError as error:
        found, there = [Finding("trust", f"{error.path}: {error.what}", error.advice)], "unknown"
    else:
        seen = status(worker)
        if seen.kind == SILENT:
            seen = status(worker)  # a slow answer is no missing one; and it must not take long
        found, there = list(findings(worker, seen)), describe(seen, worker)
        others = other_settings(worker, seen)
    if options.json:
        told = [finding._asdict() for finding in found]
        as_json({"ok": not found, "findings": told, "there": there, "otherSettings": others})
    elif found and on_terminal():
        titles = ("about", "what is wrong", "what to do")
        show_table(titles, found, [BAD] * len(found), folded=True)
    elif found:
        show(*map(str, found))
    elif on_terminal():
        show_facts(f"Nothing is wrong; {there}", GOOD)
    else:
        show(f"Nothing is wrong; {there}")
    if others and not options.json:
        show(sentence(others)[:1].upper() + sentence(others)[1:])
    return 1 if found else 0
