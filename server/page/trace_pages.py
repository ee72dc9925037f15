"""Gives the journal in pages, or as it grows."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from typing import NamedTuple

from incumbent.lifecycle.growing_file import open_for_certain
from incumbent.lifecycle.journal import Line, parsed

LIMIT_BYTES = 1_000_000  # of one page
STEP_S = 0.1
BEAT_S = 10.0  # a stream that is quiet for longer might be taken for dead


class TracePage(NamedTuple):
    """Lines of the journal; `next` is what to ask after for those that come behind them."""

    lines: list[Line]
    next: str


def trace_page(path: str, after: str) -> TracePage:
    """Give the lines behind `after`, "" is from the beginning; raises FilesError.

    What is asked after is a place in a file. Where that was rotated away for good, what is left is
    given from its beginning.
    """
    found = [fd for fd in (open_for_certain(f"{path}.1"), open_for_certain(path)) if fd is not None]
    try:
        numbers = [os.fstat(fd).st_ino for fd in found]
        if len(found) == 2 and numbers[0] == numbers[1]:  # rotated between the two
            numbers.pop()
        number, offset = _place(after)
        first = numbers.index(number) if number in numbers else 0
        start = offset if number in numbers else 0
        for index in range(first, len(numbers)):
            content = _whole_lines(found[index], start)
            start += len(content)
            if content or index + 1 == len(numbers):
                return TracePage(list(parsed(content)), f"{numbers[index]}-{start}")
            start = 0
        return TracePage([], after)
    finally:
        for fd in found:
            os.close(fd)


async def trace_stream(path: str, after: str) -> AsyncIterator[bytes]:
    """Give each line as a server-sent event, whose id is what to ask after to go on."""
    loop = asyncio.get_running_loop()
    beat = loop.time()
    while True:
        lines, after = await asyncio.to_thread(trace_page, path, after)
        for number, line in enumerate(lines, 1):
            name = f"id: {after}\n" if number == len(lines) else ""
            yield f"{name}data: {json.dumps(line)}\n\n".encode()
        if lines or loop.time() >= beat:
            beat = loop.time() + BEAT_S
            yield b": go on\n\n"
        if not lines:
            await asyncio.sleep(STEP_S)


def _place(after: str) -> tuple[int, int]:
    number, _, offset = after.partition("-")
    if number.isdecimal() and offset.isdecimal() and len(after) < 50 and after.isascii():
        return int(number), int(offset)
    return 0, 0


def _whole_lines(fd: int, start: int) -> bytes:
    """Give a page of whole lines from an offset on; a line alone may be longer than a page."""
    content, size = b"", LIMIT_BYTES
    while b"\n" not in content:
        content = os.pread(fd, size, start)
        if len(content) < size:
            break
        size *= 2
    return content[: content.rfind(b"\n") + 1]
