"""Makes what only its user can read, whatever the umask."""

import os

_FOLDER = 0o700
_FILE = 0o600


def make_folder(path: str) -> None:
    """Make the folder unless it is there, with those above it that are missing; raises OSError."""
    above = os.path.dirname(path)
    if above and above != path and not os.path.isdir(above):
        make_folder(above)
    try:
        os.mkdir(path, _FOLDER)
    except FileExistsError:
        if not os.path.isdir(path):
            raise
        return
    if os.stat(path).st_mode & 0o777 != _FOLDER:  # the umask takes from its owner too
        os.chmod(path, _FOLDER)


def open_file(path: str, flags: int) -> int:
    """Open the file, made if it is missing, and give the descriptor; raises OSError."""
    fd = os.open(path, flags | os.O_CREAT | os.O_CLOEXEC, _FILE)
    try:
        mend_mode(fd, os.fstat(fd))
    except OSError:
        os.close(fd)
        raise
    return fd


def mend_mode(fd: int, told: os.stat_result) -> None:
    """Give back to the owner of a file of ours what the umask took; raises OSError."""
    if told.st_mode & _FILE != _FILE and told.st_uid == os.geteuid():
        os.fchmod(fd, _FILE)
