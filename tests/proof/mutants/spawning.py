"""Faults of the spawner: whoever brings a worker up."""

from __future__ import annotations

from .fault import Edit, Fault
from .worlds import (
    COLD,
    GOOD_IS_LATE,
    NEWER_RESTART,
    STOPPED_ONCE,
    TWO_FAIL,
    cold,
    rebind,
    seamless,
)

JUDGEMENT = "lifecycle/drivers/judgement.py"
SPAWNER = "lifecycle/drivers/spawner.py"
ATTEMPTS = "lifecycle/drivers/launch_attempts.py"
RECORD = "lifecycle/record.py"
TESTS = "tests/quick/lifecycle/drivers/test_drivers.py"

SPAWNING = (
    Fault(
        "release on timeout with the child alive",
        "whoever gives up on a late child leaves it alive, releases the lock",
        "design",
        (
            Edit(
                ATTEMPTS,
                "self._late = await self._holder.children.kill(self.unsettled)",
                "self._late = ended._replace(code=1)",
            ),
        ),
        ("V2", "I5"),
        (*cold("a build that hangs"), *rebind("a build that hangs")),
        f"{TESTS}::test_a_late_child_is_killed_before_the_lock_is_released",
    ),
    Fault(
        "second recycle in one run",
        "a run forgets that it has asked already",
        "design",
        (Edit(SPAWNER, "            self._asked = True", "            self._asked = False"),),
        ("I7",),
        seamless("2 ensures, 1 kill, 1 overrun", "a build that app fails"),
        f"{TESTS}::test_a_run_asks_once_however_often_it_comes_back_to_idle",
    ),
    Fault(
        "no second probe under the lock",
        "a launcher spawns because the port was dark before it had the lock",
        "design",
        (
            Edit(
                SPAWNER,
                "        self.seen = await self._system.probe()\n"
                "        if self.seen.kind != h.DARK:\n"
                "            await self._system.lock.release()",
                "        if self.seen is None:\n            await self._system.lock.release()",
            ),
        ),
        (),
        (),
        f"{TESTS}::test_a_launcher_with_the_lock_probes_again_before_it_spawns",
        why_alive="behind the probe stands the look at the serve lock: whoever serves the port "
        "holds it, so nothing is spawned",
    ),
    Fault(
        "release on any healthy worker",
        "a launcher with an unsettled child releases when some worker answers",
        "design",
        (
            Edit(
                SPAWNER,
                "        event = await self.attempts.settle()\n",
                "        self.seen = await self._system.probe()\n"
                "        if self.seen.kind == h.WORKER_SERVING:\n"
                "            await self._system.lock.release()\n"
                '            return "child_ready"\n'
                "        event = await self.attempts.settle()\n",
            ),
        ),
        ("V2",),
        cold("3 ensures, 1 kill, 1 overrun"),
        f"{TESTS}::test_only_its_own_child_settles_a_launcher",
    ),
    Fault(
        "the lock's loser spawns",
        "a launcher that did not get the lock goes on as if it had",
        "design",
        (
            Edit(
                SPAWNER,
                "        if result.event != HELD:\n            return result.event\n",
                "        if result.event == HELD:\n"
                '            return "lock_acquired"\n'
                "        if result.event != HELD:\n            return result.event\n",
            ),
        ),
        ("I5",),
        cold("3 ensures, 1 kill, 1 overrun"),
        f"{TESTS}::test_the_loser_of_the_lock_spawns_nothing",
    ),
    Fault(
        "an unlocked spawn after a lock error",
        "a lock that can't be created is taken for one that was acquired",
        "design",
        (
            Edit(
                SPAWNER,
                "            self.error = result.reason\n        if result.event != HELD:",
                "            self.error = result.reason\n"
                '            return "lock_acquired"\n        if result.event != HELD:',
            ),
        ),
        ("I5",),
        seamless("ensure and stop, the lock denied"),
        f"{TESTS}::test_a_refused_lock_spawns_nothing",
    ),
    Fault(
        "recycling a newer worker",
        "any other version than the own one is stale, and is registered over a newer one",
        "design",
        (
            Edit(JUDGEMENT, "at_least(health.version, need)", "health.version == need"),
            Edit(
                RECORD,
                "        if newer(own.version, standing.version)\n",
                "        if own.version != standing.version\n",
            ),
        ),
        ("V6", "L3", "V5"),
        seamless("installs of 2 versions"),
        f"{TESTS}::test_a_newer_worker_is_not_recycled",
    ),
    Fault(
        "`restart` satisfied by the same pid",
        "a restart is verified by the worker it found",
        "design",
        (
            Edit(
                JUDGEMENT,
                "fits = fits and is_of_this_restart(health, record, run)",
                "fits = fits and bool(health.instance)",
            ),
        ),
        ("I12",),
        seamless("2 restarts, 1 kill"),
        f"{TESTS}::test_a_restart_is_not_verified_by_the_worker_it_found",
    ),
    Fault(
        "`restart` satisfied by another version",
        "a restart is verified by any worker that began to serve since",
        "design",
        (
            Edit(
                RECORD,
                "    if restart or not wanted:\n        return wanted",
                '    if restart or not wanted:\n        return ""',
            ),
        ),
        ("V3",),
        (*seamless("a build that app fails"), *cold("a build that app fails")),
        f"{TESTS}::test_a_restart_is_not_verified_by_an_older_version",
    ),
    Fault(
        "rule 5: lowered",
        "a restart expects what is recorded now, not what was recorded when it began",
        "rule 5",
        (
            Edit(
                SPAWNER,
                "        return judged(self.seen.kind, health, record, self.begun, self.restart)\n",
                "        begun = self.begun\n"
                "        if self.restart and record is not None and record.recorded is not None:\n"
                "            begun = begun._replace(wanted=record.recorded.version)\n"
                "        return judged(self.seen.kind, health, record, begun, self.restart)\n",
            ),
        ),
        ("V3",),
        (*seamless("a build that app fails"), *cold("a build that app fails")),
        f"{TESTS}::test_a_restart_is_not_verified_by_an_older_version",
    ),
    Fault(
        "rule 9: the second attempt spawns what is recorded",
        "after a failed build a launcher spawns whatever stands in the record by then",
        "rule 9",
        (
            Edit(
                ATTEMPTS,
                "        for build in (*known, *candidates):\n",
                "        for build in (*candidates, *known):\n",
            ),
        ),
        ("V5",),
        (TWO_FAIL,),
        f"{TESTS}::test_what_was_registered_since_the_first_launch_is_tried_last",
    ),
    Fault(
        "rule 9: the good build's first failure rejects it",
        "one failure of the last good build rejects it",
        "rule 9",
        (
            Edit(
                RECORD,
                "tries == 1 and build.same_as(record.good) else now\n",
                "tries == 0 else now\n",
            ),
        ),
        (),
        (GOOD_IS_LATE,),
        "tests/quick/lifecycle/test_record.py",
        why_alive="out of bounds: the explorer has no clock by which a rejection could expire",
    ),
    Fault(
        "rule 9: no way back to the good build",
        "a failed build stays recorded",
        "rule 9",
        (
            Edit(
                RECORD,
                '    return record._replace(recorded=left[0], pinned="") if left else record\n',
                "    return record\n",
            ),
        ),
        ("L2",),
        seamless("a build that app fails"),
        "tests/quick/lifecycle/test_record.py",
    ),
    Fault(
        "rule 10: launches without end",
        "a run launches again after every stop",
        "rule 10",
        (
            Edit(
                SPAWNER,
                "        if self.attempts.spent:\n",
                "        if self.attempts.spent and not self.attempts:\n",
            ),
        ),
        ("V7",),
        (STOPPED_ONCE,),
        f"{TESTS}::test_a_run_launches_twice_at_most",
    ),
    Fault(
        "rule 11: another instance spends the ask",
        "an ask that missed the worker it was meant for counts as made",
        "rule 11",
        (
            Edit(
                SPAWNER,
                '_to_ask = None\n            return await self._wait("ask_missed")',
                "_to_ask = None\n            self._asked = True\n"
                '            return await self._wait("ask_missed")',
            ),
        ),
        ("V5",),
        (NEWER_RESTART,),
        f"{TESTS}::test_an_ask_that_missed_is_not_spent",
    ),
    Fault(
        "rule 13: an ensure is never content with less",
        "an ensure insists on the version that was recorded when it began",
        "rule 13",
        (
            Edit(
                RECORD,
                "    return lower(wanted, recorded.version) if recorded is not None else wanted\n",
                "    return wanted\n",
            ),
        ),
        ("V5",),
        (TWO_FAIL,),
        f"{TESTS}::test_an_ensure_is_content_with_what_is_recorded_by_now",
    ),
    Fault(
        "rule 16: not called off",
        "a run that joined a handover waits for it after it was called off",
        "rule 16",
        (
            Edit(
                SPAWNER,
                '        return "called_off"',
                '        return "worker_leaving"',
            ),
        ),
        ("L2",),
        seamless("2 ensures, 1 kill, 1 overrun"),
        f"{TESTS}::test_who_joined_a_handover_that_was_called_off_looks_again",
    ),
    Fault(
        "a foreign port is dark",
        "a launcher takes a port that another program holds for a dark one",
        "own",
        (
            Edit(
                SPAWNER,
                '            self.detail = self.seen.detail if self.seen else ""\n'
                '            return "port_foreign"',
                "            return await self._launchable()",
            ),
        ),
        ("I8", "T", "V5"),
        seamless("ensure and stop, a foreign server"),
        f"{TESTS}::test_a_foreign_port_is_left_alone",
    ),
    Fault(
        "silent is dead",
        "a worker that does not answer in time counts as gone",
        "own",
        (
            Edit(
                SPAWNER,
                "        if health is None or self.seen.kind == h.WORKER_STARTING:\n",
                "        if self.seen.kind == h.SILENT:\n            return h.DARK\n"
                "        if health is None or self.seen.kind == h.WORKER_STARTING:\n",
            ),
        ),
        ("L1",),
        COLD,
        f"{TESTS}::test_a_silent_worker_is_waited_for",
    ),
    Fault(
        "the lock is kept over a live port",
        "a launcher that finds a worker under the lock keeps the lock",
        "own",
        (
            Edit(
                SPAWNER,
                "        if self.seen.kind != h.DARK:\n"
                "            await self._system.lock.release()\n",
                "        if self.seen.kind != h.DARK:\n",
            ),
        ),
        ("V1",),
        cold("3 ensures, 1 kill, 1 overrun"),
        f"{TESTS}::test_a_launcher_with_the_lock_probes_again_before_it_spawns",
    ),
    Fault(
        "a restart boasts of an older child",
        "a restart whose second attempt was an older build says verified",
        "own",
        (
            Edit(
                SPAWNER,
                '                return "older_child_ready"',
                '                return "child_ready"',
            ),
        ),
        ("V3",),
        cold("a build that app fails"),
        f"{TESTS}::test_a_restart_whose_second_attempt_is_older_fails",
    ),
    Fault(
        "verified by a worker that is leaving",
        "a run is content with a worker that does not serve any more",
        "own",
        (
            Edit(
                JUDGEMENT,
                "    if fits and health.state in states.SERVING_STATES:\n",
                "    if fits:\n",
            ),
        ),
        ("V3",),
        seamless("ensure and restart, 1 kill"),
        f"{TESTS}::test_a_worker_that_takes_its_app_down_fits_nobody",
    ),
)
