"""Draws Graphviz source as SVG that knows which source it was drawn from."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess

from incumbent.lifecycle.errors import IncumbentError

ENGINE = "dot"
_DIGEST = re.compile(rb"sha256:[0-9a-f]{64}")
_OPENING = re.compile(r"<svg\b[^>]*>")


class DrawingError(IncumbentError):
    """The engine drew nothing: `engine` is its path, `reason` what it said."""

    def __init__(self, engine: str, reason: str) -> None:
        super().__init__(engine, reason)
        self.engine, self.reason = engine, reason

    def __str__(self) -> str:
        return f"{self.engine} drew nothing: {self.reason or 'it said no why'}"


def engine() -> str | None:
    """Give the path of the Graphviz engine, None where it is not installed."""
    return shutil.which(ENGINE)


def draw(source: str, engine: str) -> str:
    """Give the drawing with the digest of its source in it; raises DrawingError."""
    done = subprocess.run(
        [engine, "-Tsvg"], input=source, capture_output=True, encoding="utf-8", check=False
    )
    opening = _OPENING.search(done.stdout)
    if done.returncode or opening is None:
        raise DrawingError(engine, done.stderr.strip())
    rest = done.stdout[opening.end() :]
    return f"{opening[0]}\n<metadata>{digest(source)}</metadata>{rest}"


def digest(source: str) -> str:
    """Give what a drawing made from this source has in it."""
    return f"sha256:{hashlib.sha256(source.encode()).hexdigest()}"


def drawn_from(drawing: bytes) -> str:
    """Give the digest of the source that a drawing was made from, empty without one."""
    found = _DIGEST.search(drawing)
    return found[0].decode() if found else ""
