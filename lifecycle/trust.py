"""Refuses what another user owns, may write, or could swap."""

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .errors import TrustError

# What is read, run or written by name in a data dir, so decides something.
DECIDING = (
    "settings.json",
    "launch.json",
    "token",
    "spawn.lock",
    "spawn.lock.guard",
    "worker.pid",
    "spool",
    "logs",
    "releases",
)

_WRITABLE = 0o022
_STICKY = 0o1000


def check_data_dir(path: str) -> None:
    """Look at the data dir, the folders above it, what decides in it; raises TrustError.

    What is not there yet is nobody's, so whoever makes it looks again afterwards. Nothing is
    opened: a folder that can't be looked into says so to whoever opens it.
    """
    check_folder(path)
    uid = os.geteuid()
    for name in DECIDING:
        inside = f"{path}/{name}"
        try:
            told = os.stat(inside)
        except OSError:
            continue
        if told.st_mode & _WRITABLE or told.st_uid not in (0, uid):
            _judge(inside, inside, told)


def check_folder(path: str) -> None:
    """Look at a folder, given by its real path, with all above it; raises TrustError.

    In a sticky folder above others may make files, but can't rename ours.
    """
    # In a user namespace that does not know root, what is root's is shown as somebody's.
    told = os.stat(os.sep)
    uid, folder, end = os.geteuid(), os.sep, 0
    owners = (0, uid, told.st_uid)
    while folder != path:
        if told.st_uid not in owners:
            raise _refusal(folder, told, above=True)
        if told.st_mode & _WRITABLE and not told.st_mode & _STICKY:
            _judge(folder, folder, told, above=True)
        end = path.find(os.sep, end + 1)
        folder = path if end < 0 else path[:end]
        try:
            told = os.stat(folder)
        except OSError:
            return
    if told.st_mode & _WRITABLE or told.st_uid not in (0, uid):
        _judge(folder, folder, told)


def check_open(fd: int, path: str) -> None:
    """Look at a file that was opened, wherever a link at `path` led; raises TrustError."""
    told = os.fstat(fd)
    if told.st_mode & _WRITABLE or told.st_uid not in (0, os.geteuid()):
        _judge(fd, path, told)


def _judge(seen: str | int, path: str, told: os.stat_result, above: bool = False) -> None:
    """Decide what the bits alone leave open: a group may be its owner's private one."""
    ours = above or told.st_uid in (0, os.geteuid())
    if not ours or told.st_mode & 0o002:
        raise _refusal(path, told, above)
    if told.st_mode & 0o020 and (_has_access_list(seen) or not _is_private_group(told)):
        raise _refusal(path, told, above)


def _is_private_group(told: os.stat_result) -> bool:
    """Whether the group is its owner's primary one, of the same name, without other members."""
    import grp
    import pwd

    try:
        owner, group = pwd.getpwuid(told.st_uid), grp.getgrgid(told.st_gid)
    except KeyError:
        return False
    if owner.pw_gid != group.gr_gid or owner.pw_name != group.gr_name:
        return False
    if any(member != owner.pw_name for member in group.gr_mem):
        return False
    return all(u.pw_gid != group.gr_gid or u.pw_uid == owner.pw_uid for u in pwd.getpwall())


def _has_access_list(seen: str | int) -> bool:
    """Whether an access list stands behind the group's bits, which may name anybody."""
    if not hasattr(os, "getxattr"):
        return False
    try:
        os.getxattr(seen, "system.posix_acl_access")
    except OSError:
        return False
    return True


def _refusal(path: str, told: os.stat_result, above: bool) -> "TrustError":
    from shlex import quote
    from stat import S_IMODE

    from .errors import TrustError

    uid, mode = os.geteuid(), S_IMODE(told.st_mode)
    user = _named(told.st_uid)
    elsewhere = "choose another data dir with INCUMBENT_DATA_DIR"
    if told.st_uid not in (0, uid):
        what = f"it belongs to the user {user}, not to you (mode {mode:04o})"
        advice = elsewhere
        if not above:
            as_them = "run this as that user, or " if uid == 0 else ""
            advice = f"{as_them}move it away: `mv {quote(path)} {quote(path + '.old')}`"
    else:
        what = f"others may write it (owner {user}, mode {mode:04o})"
        advice = elsewhere
        if told.st_uid == uid:
            advice = f"look inside first, then run `chmod go-w {quote(path)}`"
    return TrustError(path, what, advice, told.st_uid, mode)


def _named(uid: int) -> str:
    import pwd

    try:
        return f"{uid} ({pwd.getpwuid(uid).pw_name})"
    except KeyError:
        return str(uid)
