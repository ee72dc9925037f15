"""Faults in the lock itself, below the drivers' verbs."""

from __future__ import annotations

from .fault import Edit, Fault

LOCK = "lifecycle/lock/spawn_lock.py"
ALL = ("lock-2-half", "lock-3-crash", "lock-2", "lock-2-slow", "lock-3-left", "lock-3")
MACHINE = "tests/quick/lifecycle/lock/test_lock_machine.py"
STORIES = " ".join(
    f"{MACHINE}::{name}"
    for name in (
        "test_a_thief_that_stalled_before_its_last_step_spares_the_lock_made_meanwhile",
        "test_a_holder_that_stalled_before_it_unlinked_spares_the_lock_of_its_thief",
        "test_a_creator_that_stalled_before_it_wrote_holds_nothing_once_it_was_robbed",
        "test_two_thieves_in_step_leave_one_holder",
    )
)
FILES = "tests/quick/lifecycle/lock/test_spawn_lock.py"

STEAL = """        if not await self._files.guard(wait=False):
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
"""

RELEASE = """        ours = await self.guarded()
        try:
            if ours:
                await self._files.unlink()
        finally:
            await self._files.unguard()
"""

CREATE_AFTER = """        created = await self._files.create(self._content)
        if created is None:
            return HELD
        self._kept = created
        return STOLEN
"""

LOCKING = (
    Fault(
        "unlink-race steal",
        "a stale lock is unlinked and created anew, without the guard",
        "design",
        (Edit(LOCK, STEAL, "        await self._files.unlink()\n" + CREATE_AFTER),),
        ("I4", "I4r"),
        ALL,
        STORIES,
    ),
    Fault(
        "stat-again steal",
        "a stale lock is looked at again, then unlinked, without the guard",
        "design",
        (
            Edit(
                LOCK,
                STEAL,
                "        found = await self._files.look()\n"
                "        if found is None or not await self._may_be_stale(found):\n"
                "            return HELD\n"
                "        await self._files.unlink()\n" + CREATE_AFTER,
            ),
        ),
        ("I4", "I4r"),
        ALL,
        STORIES,
    ),
    Fault(
        "rename-verify-restore steal",
        "a stale lock is renamed away, looked at, put back when it was fresh",
        "design",
        (
            Edit(
                LOCK,
                STEAL,
                "        found = await self._files.set_aside()\n"
                "        if found is None:\n"
                "            return HELD\n"
                "        if not await self._may_be_stale(found):\n"
                "            await self._files.put_back()\n"
                "            return HELD\n"
                "        await self._files.forget()\n" + CREATE_AFTER,
            ),
        ),
        ("I4", "I4r"),
        ALL,
        STORIES,
    ),
    Fault(
        "release without owner check",
        "a release unlinks whatever lock stands there",
        "design",
        (
            Edit(
                LOCK,
                "            if ours:\n                await self._files.unlink()",
                "            if ours or not ours:\n                await self._files.unlink()",
            ),
        ),
        ("I4", "I4r"),
        ALL,
        f"{FILES}::test_a_release_spares_a_successor",
    ),
    Fault(
        "check-then-unlink release",
        "a release checks the owner, then unlinks, without the guard",
        "design",
        (
            Edit(
                LOCK,
                RELEASE,
                "        if await self.owned():\n            await self._files.unlink()\n",
            ),
        ),
        ("I4", "I4r"),
        ALL,
        STORIES,
    ),
    Fault(
        "stealing a fresh lock",
        "a lock of any age is taken for stale",
        "design",
        (
            Edit(
                LOCK,
                "        return fresh.mtime - found.mtime > _lease_of(owner)",
                "        return fresh.mtime - found.mtime >= 0.0",
            ),
            Edit(
                LOCK,
                "        return found.age < 0 or found.age > _lease_of(owner) / 2",
                "        return True",
            ),
        ),
        ("I4", "I4r"),
        ALL,
        f"{FILES}::test_a_lock_59_s_old_is_not_stolen",
    ),
    Fault(
        "half a lease is enough",
        "the verdict that only saves the guard is taken for the verdict of the thief",
        "own",
        (
            Edit(
                LOCK,
                "        return fresh.mtime - found.mtime > _lease_of(owner)",
                "        return fresh.mtime - found.mtime > _lease_of(owner) / 2",
            ),
        ),
        ("I4", "I4r"),
        ALL,
        f"{FILES}::test_a_lock_59_s_old_is_not_stolen",
    ),
    Fault(
        "no second look under the guard",
        "a thief trusts what it saw before it had the guard",
        "own",
        (
            Edit(
                LOCK,
                "            if found is None or not await self._is_stale(found, fresh):\n",
                "            if found is None:\n",
            ),
        ),
        ("I4", "I4r"),
        ALL,
        STORIES,
    ),
    Fault(
        "a creator does not look again",
        "a process that created the lock holds it, whoever replaced it while it was torn",
        "own",
        (
            Edit(
                LOCK,
                "            return await self._confirm(created)",
                "            self._kept = created\n            return ACQUIRED",
            ),
        ),
        ("I4",),
        ALL,
        STORIES,
    ),
    Fault(
        "torn is stale at once",
        "a lock file that is not written yet is stolen from its creator",
        "own",
        (
            Edit(
                LOCK,
                "    return TORN_S if owner is None else LEASE_S",
                "    return -1.0 if owner is None else LEASE_S",
            ),
        ),
        ("I4r",),
        ALL,
        f"{FILES}::test_a_torn_lock_is_stolen_once_no_creation_can_take_so_long",
    ),
    Fault(
        "torn is never stale",
        "the lock file of a process that died between creating and writing stays for ever",
        "own",
        (
            Edit(
                LOCK,
                "    return TORN_S if owner is None else LEASE_S",
                "    return 1e9 if owner is None else LEASE_S",
            ),
        ),
        ("L2",),
        ALL,
        f"{FILES}::test_a_torn_lock_is_stolen_once_no_creation_can_take_so_long",
    ),
    Fault(
        "the dead keep their lease",
        "a provably dead owner does not make a lock stale",
        "own",
        (
            Edit(
                LOCK,
                "        if owner is not None and await self._files.owner_is_dead(owner):\n"
                "            return True\n        return fresh.mtime",
                "        return fresh.mtime",
            ),
        ),
        ("L2",),
        ALL,
        f"{FILES}::test_the_fresh_lock_of_a_dead_owner_is_stolen_at_once",
    ),
    Fault(
        "the guard is kept",
        "a release does not give the guard back",
        "own",
        (
            Edit(
                LOCK,
                RELEASE,
                RELEASE.replace(
                    "finally:\n            await self._files.unguard()",
                    "finally:\n            pass",
                ),
            ),
        ),
        ("L1",),
        ALL,
        f"{MACHINE}::test_whoever_is_done_has_given_everything_back",
    ),
    Fault(
        "a thief waits for the guard",
        "a thief that finds the guard busy waits for it, with the check repeated inside",
        "own",
        (
            Edit(
                LOCK,
                "        if not await self._files.guard(wait=False):",
                "        if not await self._files.guard(wait=True):",
            ),
        ),
        (),
        ALL,
        f"{FILES}::test_nothing_is_stolen_while_another_holds_the_guard",
        why_alive="equivalent for safety: only a thief's patience changes, behind a process that "
        "was stopped inside the guard",
    ),
    Fault(
        "a release looks at the inode alone",
        "a release compares the file with the one kept open, not the token in it",
        "own",
        (
            Edit(
                LOCK,
                "        return owner is not None and owner.token == self.token",
                "        return owner is not None",
            ),
        ),
        (),
        ALL,
        f"{FILES}::test_a_release_spares_a_file_whose_token_was_changed_in_place",
        why_alive="equivalent among processes that keep the protocol: the descriptor kept open "
        "already names the file; the token guards against outsiders who write in place",
    ),
    Fault(
        "a release looks at the token alone",
        "a release compares the token, not the file",
        "own",
        (
            Edit(
                LOCK,
                "        if found is None or found.identity != kept.identity:",
                "        if found is None:",
            ),
        ),
        (),
        ALL,
        f"{FILES}::test_a_release_spares_a_lock_that_only_carries_the_same_token",
        why_alive="equivalent among processes that keep the protocol: a token names one claim; "
        "the file's identity guards against a copy put back by hand",
    ),
)
