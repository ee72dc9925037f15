"""Files of ours: written whole, read with a limit, set aside when they are corrupt."""

from __future__ import annotations

import errno
import os
import stat
import time

from .errors import FilesError
from .private import make_folder, open_file
from .trust import check_data_dir, check_folder, check_open

LIMIT_BYTES = 4_000_000


def read(path: str) -> bytes | None:
    """Give the file's bytes, None when there is none; raises FilesError for anything else.

    What stands there but is no file, such as a folder or a link to nowhere, reads as empty: to
    whoever expects content it is corrupt.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return b"" if os.path.islink(path) else None
    except OSError as error:
        if error.errno == errno.ELOOP:
            return b""
        raise FilesError(path, error.strerror or str(error)) from error
    try:
        check_open(fd, path)
        return os.read(fd, LIMIT_BYTES) if stat.S_ISREG(os.fstat(fd).st_mode) else b""
    except OSError as error:
        raise FilesError(path, error.strerror or str(error)) from error
    finally:
        os.close(fd)


def replace(path: str, content: bytes) -> None:
    """Write the file whole, 0600, by a temporary file beside it; raises FilesError."""
    temporary = f"{path}.{os.getpid()}.{time.monotonic_ns()}.tmp"
    try:
        fd = open_file(temporary, os.O_WRONLY | os.O_EXCL)
        try:
            write_all(fd, content)
        finally:
            os.close(fd)
        os.replace(temporary, path)
    except OSError as error:
        unlink(temporary)
        raise FilesError(path, error.strerror or str(error)) from error


def create(path: str, content: bytes) -> bool:
    """Write the file whole unless there is one already, then False; raises FilesError.

    It is linked into place: nobody ever finds it empty or torn.
    """
    temporary = f"{path}.{os.getpid()}.{os.urandom(4).hex()}.tmp"
    replace(temporary, content)
    try:
        os.link(temporary, path)
    except FileExistsError:
        return False
    except OSError as error:
        raise FilesError(path, error.strerror or str(error)) from error
    finally:
        unlink(temporary)
    return True


def write_all(fd: int, content: bytes) -> None:
    """Write every byte, also when the kernel takes them in parts."""
    while content:
        content = content[os.write(fd, content) :]


def unlink(path: str) -> None:
    """Remove a file that may be gone already."""
    try:
        os.unlink(path)
    except OSError:
        return


def set_aside(path: str) -> str:
    """Rename a corrupt file out of the way and give the sentence that says so."""
    aside = f"{path}.corrupt-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}"
    try:
        os.rename(path, aside)
    except FileNotFoundError:
        return f"{path} was corrupt and is gone; going on with defaults"
    except OSError as error:
        return f"{path} is corrupt and can't be set aside ({error.strerror}); going on without it"
    return f"{path} was corrupt; set aside as {aside}, going on with defaults"


def make_data_dir(path: str) -> None:
    """Create the data dir, for its user alone; raises FilesError when it can't be used."""
    make_own_folder(path)
    check_data_dir(path)


def make_own_folder(path: str) -> None:
    """Create a folder of ours, for its user alone; raises FilesError when it can't be used."""
    check_folder(path)
    try:
        make_folder(path)
    except OSError as error:
        raise FilesError(path, error.strerror or str(error)) from error
    check_folder(path)
