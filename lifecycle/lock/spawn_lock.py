"""The spawn lock: at most one holder whose lease has not run out.

POSIX has no compare-and-unlink, so every removal or replacement of the lock file happens under
the guard, with the check repeated inside. A new lock is created exclusively, written, then
looked at once more under the guard: after that its content is whole for whoever comes.
"""

from __future__ import annotations

from .._small_json import loads
from ..errors import FilesError
from ..settings import LEASE_S

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class LockFiles(Protocol):
        """The system calls that the lock makes; each may be overtaken by another process."""

        async def create(self, content: bytes) -> Handle | None:
            """Create the lock file exclusively and write it; None when there is one."""

        async def guard(self, wait: bool) -> bool:
            """Take the guard; without `wait`, False when it is busy."""

        async def unguard(self) -> None:
            """Give the guard back."""

        async def look(self) -> Found | None:
            """Read the lock file that stands there now."""

        async def prepare(self, content: bytes) -> Handle:
            """Make a temporary file beside the lock; its mtime is now, on the same clock."""

        async def install(self, fresh: Handle, keep_old: bool) -> None:
            """Rename the temporary file over the lock; `keep_old` sets the old one aside."""

        async def drop(self, fresh: Handle) -> None:
            """Remove the temporary file."""

        async def age(self, mtime: float) -> None:
            """Give the lock file this mtime, in place."""

        async def unlink(self) -> None:
            """Remove the lock file."""

        async def close(self, handle: Handle) -> None:
            """Forget a file kept open."""

        async def owner_is_dead(self, owner: Owner) -> bool:
            """Whether the owner is provably gone; doubt falls on alive."""


TORN_S = 2.0  # a lock file still not whole after this was left by a crash between two calls

# An mtime in the future is no life sign: a holder that lives mends it with its next heartbeat. So
# a lock with one is given an age by which it is stale after two heartbeats that did not come.
HEARTBEAT_S = LEASE_S / 6
UNMENDED_S = 2 * HEARTBEAT_S

_TEXTS = ("token", "start", "host", "boot", "version")

ACQUIRED = "lock_acquired"
STOLEN = "lock_stale_stolen"
HELD = "lock_held"


class Handle:
    """A file kept open, so that the kernel can't hand its inode to another."""

    __slots__ = ("fd", "identity", "mtime")

    def __init__(self, fd: int, identity: tuple[int, int], mtime: float) -> None:
        self.fd, self.identity, self.mtime = fd, identity, mtime


class Found:
    """The lock file as it was seen: which file, when last touched, about how long ago, its text."""

    __slots__ = ("age", "content", "identity", "mtime")

    def __init__(self, identity: tuple[int, int], mtime: float, age: float, content: bytes) -> None:
        self.identity, self.mtime, self.age, self.content = identity, mtime, age, content


class Owner:
    """Who a whole lock file says holds it.

    `locked` says that the owner keeps the open file locked as long as it lives.
    """

    __slots__ = ("boot", "host", "locked", "pid", "start", "token", "version")

    def __init__(
        self,
        token: str,
        pid: int,
        start: str,
        host: str,
        boot: str,
        version: str,
        locked: bool = False,
    ) -> None:
        self.token, self.pid, self.start = token, pid, start
        self.host, self.boot, self.version, self.locked = host, boot, version, locked


def owner_in(content: bytes) -> Owner | None:
    """Give the owner that a lock file names; None for any bytes that are no whole lock."""
    try:
        said = loads(content)
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, dict) or type(said.get("pid")) is not int:
        return None
    texts = [said.get(key) for key in _TEXTS]
    if not all(isinstance(text, str) for text in texts) or not said["token"]:
        return None
    token, start, host, boot, version = (said[key] for key in _TEXTS)
    return Owner(token, said["pid"], start, host, boot, version, said.get("locked") is True)


class SpawnLock:
    """One actor's side of the lock; `token` names this claim and no other."""

    def __init__(self, files: LockFiles, token: str, content: bytes) -> None:
        self._files = files
        self.token = token
        self._content = content
        self._kept: Handle | None = None

    @property
    def handle(self) -> Handle | None:
        """The file kept open while we hold the lock, for the heartbeat."""
        return self._kept

    async def acquire(self) -> str:
        """Try once and give ACQUIRED, STOLEN or HELD; raises FilesError for any other trouble."""
        created = await self._files.create(self._content)
        if created is not None:
            return await self._confirm(created)
        found = await self._files.look()
        if found is None or not await self._may_be_stale(found):
            return HELD
        return await self._steal()

    async def is_free(self) -> bool:
        """Whether nobody holds the lock, as far as can be told without taking it."""
        found = await self._files.look()
        return found is None or await self._may_be_stale(found)

    async def owned(self) -> bool:
        """Whether the lock file is still ours; ask under the guard to act on the answer."""
        if self._kept is None:
            return False
        found = await self._files.look()
        return self._is_ours(found, self._kept)

    async def guarded(self) -> bool:
        """Take the guard and say whether the lock is still ours; `unguard` must follow."""
        await self._files.guard(wait=True)
        try:
            return await self.owned()
        except FilesError:
            await self._files.unguard()
            raise

    async def unguard(self) -> None:
        """Give back the guard that `guarded` took."""
        await self._files.unguard()

    async def release(self) -> None:
        """Remove the lock if it is still ours; a successor's lock is spared."""
        if self._kept is None:
            return
        ours = await self.guarded()
        try:
            if ours:
                await self._files.unlink()
        finally:
            await self._files.unguard()
        kept, self._kept = self._kept, None
        await self._files.close(kept)

    async def _confirm(self, created: Handle) -> str:
        # Whoever found our file torn and old may have replaced it while we slept.
        await self._files.guard(wait=True)
        try:
            ours = self._is_ours(await self._files.look(), created)
        finally:
            await self._files.unguard()
        if ours:
            self._kept = created
            return ACQUIRED
        await self._files.close(created)
        return HELD

    async def _steal(self) -> str:
        if not await self._files.guard(wait=False):
            return HELD
        try:
            fresh = await self._files.prepare(self._content)
            found = await self._files.look()
            if found is None or not await self._is_stale(found, fresh):
                # Later than ours only may be of a touch since, while this process was stopped.
                if found is not None and found.mtime > fresh.mtime and found.age < 0:
                    lease = _lease_of(owner_in(found.content))
                    await self._files.age(fresh.mtime - max(lease - UNMENDED_S, 0.0))
                await self._files.drop(fresh)
                return HELD
            await self._files.install(fresh, keep_old=owner_in(found.content) is None)
            self._kept = fresh
            return STOLEN
        finally:
            await self._files.unguard()

    async def _may_be_stale(self, found: Found) -> bool:
        # The wall clock only saves contenders the guard; the verdict is `_is_stale`'s.
        owner = owner_in(found.content)
        if owner is not None and await self._files.owner_is_dead(owner):
            return True
        return found.age < 0 or found.age > _lease_of(owner) / 2

    async def _is_stale(self, found: Found, fresh: Handle) -> bool:
        owner = owner_in(found.content)
        if owner is not None and await self._files.owner_is_dead(owner):
            return True
        return fresh.mtime - found.mtime > _lease_of(owner)

    def _is_ours(self, found: Found | None, kept: Handle) -> bool:
        if found is None or found.identity != kept.identity:
            return False
        owner = owner_in(found.content)
        return owner is not None and owner.token == self.token


def _lease_of(owner: Owner | None) -> float:
    return TORN_S if owner is None else LEASE_S
