"""Serves an agent's tools on stdio, in front of the one worker."""

from __future__ import annotations

import argparse

from incumbent.lifecycle.settings import Worker

from ..mcp.stdio import serve


def configure(parser: argparse.ArgumentParser) -> None:
    """Add nothing: `mcp` has no arguments of its own."""


def run(worker: Worker, options: argparse.Namespace) -> int:
    """Serve until stdin ends; raises CannotServeError."""
    del options
    return serve(worker)
