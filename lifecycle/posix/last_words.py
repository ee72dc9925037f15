"""Finds what a process wrote last, for whoever has to say why it is gone."""

from __future__ import annotations

import os

from .. import files
from ..private import open_file

OUTPUT_LIMIT = 500
READ_BYTES = 8192


def last_line(content: bytes) -> str:
    """Give the last line that is not empty, "" where there is none."""
    lines = [line for line in content.decode(errors="replace").splitlines() if line.strip()]
    return lines[-1].strip().removeprefix("incumbent: ")[:OUTPUT_LIMIT] if lines else ""


def last_line_of(log: str) -> str:
    """Give the last line of a worker's log, whoever wrote it; "" where there is none."""
    try:
        fd = open_file(log, os.O_RDONLY)
        try:
            start = max(os.fstat(fd).st_size - READ_BYTES, 0)
            return last_line(os.pread(fd, READ_BYTES, start))
        finally:
            os.close(fd)
    except OSError:
        return ""


def moved(content: bytes, log: str) -> bool:
    """Append what a process wrote to the worker's log; give whether it is there."""
    try:
        fd = open_file(log, os.O_WRONLY | os.O_APPEND)
        try:
            files.write_all(fd, content)
        finally:
            os.close(fd)
    except OSError:
        return False  # a full disk must not take what the process said from whoever launched it
    return True
