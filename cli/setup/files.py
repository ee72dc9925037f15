"""Reads a user's dot file, then writes it whole, through links, with its rights."""

from __future__ import annotations

import os
import stat

from incumbent.lifecycle.errors import IncumbentError


class DotFileError(IncumbentError):
    """A user's own file can't be used as it is; the sentence says why. Nothing was written."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path, self.reason = path, reason

    def __str__(self) -> str:
        return f"{self.path} was left as it is: {self.reason}"


def read(path: str) -> str | None:
    """Give a file's text, None where there is none; raises DotFileError."""
    try:
        with open(path, encoding="utf-8", newline="") as file:
            return file.read()
    except FileNotFoundError:
        if os.path.islink(path):
            raise DotFileError(path, "it is a link to nowhere; mend or remove it") from None
        return None
    except UnicodeDecodeError as error:
        raise DotFileError(path, "it is no text in UTF-8") from error
    except OSError as error:
        raise DotFileError(path, error.strerror or str(error)) from error


def write(path: str, text: str | None) -> None:
    """Write the file that the path leads to, at once; None removes it. Raises DotFileError."""
    real = os.path.realpath(path)
    temporary = f"{real}.{os.getpid()}.tmp"
    try:
        if text is None:
            os.unlink(real)
            return
        os.makedirs(os.path.dirname(real), mode=0o700, exist_ok=True)
        mode = stat.S_IMODE(os.stat(real).st_mode) if os.path.exists(real) else 0o600
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with open(fd, "w", encoding="utf-8", newline="") as file:
                os.fchmod(fd, mode)
                file.write(text)
                file.flush()
                os.fsync(fd)
            os.replace(temporary, real)
        except BaseException:
            os.unlink(temporary)
            raise
    except OSError as error:
        raise DotFileError(path, error.strerror or str(error)) from error
