"""Exclusive locks of an open file description (fcntl(2), F_OFD_SETLK), Linux only.

Such a lock travels with the descriptor, ends with its last copy or at one unlock for all, and can
be looked at without being taken. Within one kernel every namespace sees it.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
import sys

SUPPORTED = sys.platform == "linux" and hasattr(fcntl, "F_OFD_SETLK")
NO_SUCH_LOCKS = (errno.ENOLCK, errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS)

_FLOCK = "hhqqi4x"  # fcntl(2) on Linux: type, whence, start, length, pid


def lock(fd: int) -> None:
    """Take the lock; raises OSError: EACCES or EAGAIN where another has it."""
    _set(fd, fcntl.F_WRLCK)


def unlock(fd: int) -> None:
    """Let the lock go, for every copy of the description; raises OSError."""
    _set(fd, fcntl.F_UNLCK)


def is_locked(path: str) -> bool | None:
    """Whether some description has the lock of this file; None where that can't be told."""
    if not SUPPORTED:
        return None
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        asked = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        found = struct.unpack(_FLOCK, fcntl.fcntl(fd, fcntl.F_OFD_GETLK, asked))
    except OSError:
        return None
    finally:
        os.close(fd)
    return bool(found[0] != fcntl.F_UNLCK)


def _set(fd: int, how: int) -> None:
    if not SUPPORTED:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    fcntl.fcntl(fd, fcntl.F_OFD_SETLK, struct.pack(_FLOCK, how, os.SEEK_SET, 0, 0, 0))
