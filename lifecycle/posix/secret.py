"""The secret of the admin calls: a file that only its user can read."""

from __future__ import annotations

import os

from .. import files
from ..errors import FilesError

SECRET_BYTES = 32


def admin_token(path: str, notices: list[str]) -> str:
    """Give the secret, creating it when there is none; raises FilesError.

    A corrupt file is set aside, with a sentence among `notices`. Of two who create it at once both
    get the same.
    """
    for _ in range(3):
        content = files.read(path)
        if content is None:
            files.create(path, os.urandom(SECRET_BYTES).hex().encode() + b"\n")
            continue
        text = _whole(content)
        if text:
            return text
        notices.append(files.set_aside(path))
    raise FilesError(path, "it changes while it is read")


def token_now(path: str) -> str:
    """Give the secret in the file, changing nothing; "" when there is none that can be read."""
    try:
        return _whole(files.read(path) or b"")
    except FilesError:
        return ""


def _whole(content: bytes) -> str:
    text = content.decode("ascii", errors="replace").strip()
    whole = len(text) == 2 * SECRET_BYTES and set(text) <= set("0123456789abcdef")
    return text if whole else ""
