"""Says things to people, in which what came from elsewhere can do nothing."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

LIMIT_LETTERS = 2000  # of one row: more is no sentence


def printable(text: str) -> str:
    """Give the text as one row: escaped is whatever moves a cursor, turns the reading direction,
    or can't be written.

    Of a text over LIMIT_LETTERS the middle is left out, so that the command to type next, which
    ends a sentence of ours, is still there.
    """
    if len(text) > LIMIT_LETTERS:
        half = LIMIT_LETTERS // 2
        text = f"{text[:half]} [{len(text) - 2 * half} letters left out] {text[-half:]}"
    if text.isprintable():
        return text
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text
    )


def json_row(said: dict[str, Any]) -> str:
    """Give an object as one row of JSON in ASCII, however long; DEL, which JSON lets through, is
    escaped too.
    """
    import json  # a hook pays for this module only

    return json.dumps(said).replace("\x7f", "\\u007f")


def say(sentences: Iterable[str]) -> None:
    """Talk to people, on stderr; where it is closed, to nobody: `print` would turn to stdout.

    What can't be written, on a full disk or to a reader that is gone, stops no work.
    """
    for sentence in sentences if sys.stderr else ():
        try:
            print(f"incumbent: {printable(sentence)}", file=sys.stderr, flush=True)
        except OSError:
            return
