"""The secret of the admin calls: a file that only its user can read."""

from __future__ import annotations

import os

from .. import files
from ..client.proof import SECRET_LETTERS, whole_secret
from ..errors import FilesError


def admin_token(path: str, notices: list[str]) -> str:
    """Give the secret, creating it when there is none; raises FilesError.

    A corrupt file is set aside, with a sentence among `notices`. Of two who create it at once both
    get the same.
    """
    for _ in range(3):
        content = files.read(path)
        if content is None:
            files.create(path, _drawn())
            continue
        text = whole_secret(content)
        if text:
            return text
        notices.append(files.set_aside(path))
    raise FilesError(path, "it changes while it is read")


def token_now(path: str) -> str:
    """Give the secret in the file, changing nothing; "" when there is none that can be read."""
    try:
        return whole_secret(files.read(path) or b"")
    except FilesError:
        return ""


def renew(path: str) -> None:
    """Put a new secret in the place of one that has crossed the wire; raises FilesError."""
    files.replace(path, _drawn())


def _drawn() -> bytes:
    return os.urandom(SECRET_LETTERS // 2).hex().encode() + b"\n"
