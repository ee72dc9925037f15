"""Faults of the worker: into office, through it, out of it."""

from __future__ import annotations

from .fault import Edit, Fault
from .worlds import BROKEN_TWICE, rebind, seamless

TENURE = "lifecycle/tenure.py"
STOPPER = "lifecycle/stopper.py"
TESTS = "tests/proof/mutants/test_drivers.py"

HANDOVER = (
    Fault(
        "PID file removed after close",
        "the port is closed while the PID file still names its last holder",
        "design",
        (
            Edit(
                TENURE,
                '        await self._office.remove_pid()\n        return "pid_removed"',
                '        return "pid_removed"',
            ),
            Edit(
                TENURE,
                "    async def _closing(self) -> str:\n        await self._office.close()\n",
                "    async def _closing(self) -> str:\n        await self._office.close()\n"
                "        await self._office.remove_pid()\n",
            ),
        ),
        ("I6",),
        rebind("2 ensures, no fault"),
        f"{TESTS}::test_a_worker_on_its_way_out_removes_the_pid_file_before_it_closes",
    ),
    Fault(
        "state touched before listen",
        "the PID file is written before the port is held",
        "design",
        (
            Edit(
                TENURE,
                "        step = await self._office.listen()\n",
                "        await self._office.write_pid()\n"
                "        step = await self._office.listen()\n",
            ),
        ),
        ("I2",),
        ("cold: 1 ensure",),
        f"{TESTS}::test_a_worker_touches_nothing_before_it_listens",
    ),
    Fault(
        "handover without the lock",
        "a worker that is asked to hand over does not take the spawn lock",
        "design",
        (
            Edit(
                TENURE,
                "        claim = await self._office.acquire()\n",
                '        return "lock_acquired"\n        claim = await self._office.acquire()\n',
            ),
        ),
        ("I5",),
        seamless("2 ensures, no fault"),
        f"{TESTS}::test_a_handover_takes_the_lock_before_it_spawns",
    ),
    Fault(
        "the successor is the dying install's version",
        "a worker that hands over spawns its own version again",
        "design",
        (
            Edit(
                TENURE,
                "        build = record.recorded\n",
                "        build = record.recorded._replace(version=self._version)\n",
            ),
        ),
        ("V5", "L2", "L3"),
        seamless("2 ensures, no fault"),
        f"{TESTS}::test_the_successor_is_what_the_record_says",
    ),
    Fault(
        "rule 1: resumes although the successor was up",
        "a child that was up and is gone counts as one that failed",
        "rule 1",
        (
            Edit(
                "lifecycle/settling.py",
                "    if ended.up:\n        return LEFT\n",
                "",
            ),
        ),
        ("V4", "I1"),
        seamless("restart against recycle against stop", "2 ensures, 1 kill, 1 overrun"),
        f"{TESTS}::test_up_outranks_everything_that_happened_since",
    ),
    Fault(
        "rule 1: healthy before `up` is written",
        "a successor answers ok without having told its parent",
        "rule 1",
        (Edit(TENURE, "        await self._office.say_up()\n", ""),),
        ("V8",),
        seamless("2 ensures, no fault"),
        f"{TESTS}::test_up_is_written_before_the_first_healthy_answer",
    ),
    Fault(
        "rule 2: a late successor is not reaped",
        "a predecessor that gives up on a late successor lets it live",
        "rule 2",
        (
            Edit(
                TENURE,
                "                self._ended = await self._office.kill(child)\n",
                "                self._ended = self._ended._replace(code=1)\n",
            ),
        ),
        ("I5", "I1", "V2"),
        (*rebind("a build that hangs"), *seamless("a build that hangs")),
        f"{TESTS}::test_a_late_successor_is_killed_before_anything_else",
    ),
    Fault(
        "rule 2: a late understudy is not reaped",
        "a predecessor that gives up on a rehearsal lets the understudy live",
        "rule 2",
        (
            Edit(
                TENURE,
                "        ended = await self._office.kill(child) if said.late else said\n",
                "        ended = said._replace(code=1) if said.late else said\n",
            ),
        ),
        ("V2",),
        seamless("a build that hangs in its import"),
        f"{TESTS}::test_a_late_understudy_is_killed_before_the_lock_is_released",
    ),
    Fault(
        "rule 3: an orphan waits on",
        "an understudy whose pipe closed waits for a baton that nobody can pass",
        "rule 3",
        (
            Edit(
                TENURE,
                "        step = await self._office.await_baton()\n",
                "        step = await self._office.await_baton()\n"
                '        while step.event == "pipe_closed":\n'
                "            step = await self._office.await_baton()\n",
            ),
        ),
        ("L1", "L2", "V2"),
        seamless("1 ensure, 1 kill, 1 overrun", "ensure and restart, 1 kill"),
        f"{TESTS}::test_an_understudy_whose_pipe_closed_is_over",
    ),
    Fault(
        "rule 6: stop believes a dark port",
        "`stop` takes no lock before it calls the port dark",
        "rule 6",
        (
            Edit(
                STOPPER,
                "        claim = await self._system.acquire()\n",
                '        return "lock_acquired"\n        claim = await self._system.acquire()\n',
            ),
        ),
        ("V9",),
        ("cold: ensure and stop, 1 kill, 1 overrun",),
        f"{TESTS}::test_a_stop_proves_the_port_dark_under_the_lock",
    ),
    Fault(
        "rule 13: a current worker recycles itself",
        "a worker that is asked to recycle does not look whether it is current",
        "rule 13",
        (
            Edit(
                TENURE,
                "        if self._why == RECYCLE and await self._is_current():\n",
                "        if self._why == RECYCLE and False:\n",
            ),
        ),
        ("L3",),
        (BROKEN_TWICE,),
        f"{TESTS}::test_a_current_worker_declines_to_be_recycled",
    ),
    Fault(
        "a restart is declined like a recycle",
        "a worker that is current declines a restart too",
        "own",
        (
            Edit(
                TENURE,
                "        if self._why == RECYCLE and await self._is_current():\n",
                "        if await self._is_current():\n",
            ),
        ),
        ("V5", "L2"),
        seamless("2 restarts, 1 kill"),
        f"{TESTS}::test_a_current_worker_does_not_decline_a_restart",
    ),
    Fault(
        "no drain",
        "the baton is passed by one who still accepts",
        "own",
        (Edit(TENURE, "        await self._office.drain()\n", ""),),
        ("I1",),
        seamless("2 ensures, no fault"),
        f"{TESTS}::test_a_worker_drains_before_its_app_goes_down",
    ),
    Fault(
        "the app outlives the port",
        "the port is given away under the running app",
        "own",
        (
            Edit(
                TENURE,
                '        await self._office.stop_app()\n        return "app_down"',
                '        return "app_down"',
            ),
        ),
        ("I1", "I2"),
        rebind("2 ensures, no fault"),
        f"{TESTS}::test_a_worker_drains_before_its_app_goes_down",
    ),
    Fault(
        "a stop leaves the understudy alive",
        "a worker that is stopped in rehearsal does not kill its understudy",
        "own",
        (
            Edit(
                TENURE,
                "                await self._office.kill(child)\n                await",
                "                await",
            ),
        ),
        ("V2",),
        seamless("restart against recycle against stop"),
        f"{TESTS}::test_a_stop_in_rehearsal_kills_the_understudy_first",
    ),
    Fault(
        "a failed rehearsal keeps the lock",
        "a worker whose understudy failed serves on with the lock in its hand",
        "own",
        (
            Edit(
                TENURE,
                "        await self._office.release()\n        self._child = None\n",
                "        self._child = None\n",
            ),
        ),
        ("L2", "V1", "V5"),
        seamless("a build that app fails", "a build that fails to import"),
        f"{TESTS}::test_a_late_understudy_is_killed_before_the_lock_is_released",
    ),
    Fault(
        "a lost understudy is not reaped",
        "a predecessor resumes while the understudy that missed the baton may live",
        "own",
        (
            Edit(
                TENURE,
                "        ended = await self._office.kill(self._child)\n",
                "        ended = Ended(1)\n",
            ),
        ),
        (),
        seamless("2 ensures, 1 kill, 1 overrun"),
        f"{TESTS}::test_an_understudy_that_missed_the_baton_is_reaped_first",
        why_alive="out of bounds: in the simulator an understudy that misses the baton is dead "
        "already; the kill is for one that lives and can't be reached",
    ),
    Fault(
        "a resumed worker keeps the lock",
        "a predecessor that resumed serves with the lock in its hand",
        "own",
        (
            Edit(
                TENURE,
                "        await self._office.release()\n        await self._office.accept_again()\n",
                "        await self._office.accept_again()\n",
            ),
        ),
        ("L2", "V1", "V5"),
        seamless("a build that app fails"),
        f"{TESTS}::test_a_resumed_worker_releases_then_serves",
    ),
)
