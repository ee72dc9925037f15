"""Faults of the worker: coming up, serving, leaving."""

from __future__ import annotations

from .fault import Edit, Fault
from .worlds import BROKEN_TWICE, rebind, seamless

COMING_UP = "lifecycle/drivers/coming_up.py"
WORKER_DRIVER = "lifecycle/drivers/worker.py"
ATTEMPTS = "lifecycle/drivers/launch_attempts.py"
STOPPER = "lifecycle/drivers/stopper.py"
TESTS = "tests/quick/lifecycle/drivers/test_drivers.py"

HANDOVER = (
    Fault(
        "PID file removed after close",
        "the port is closed while the PID file still names its last holder",
        "design",
        (
            Edit(
                WORKER_DRIVER,
                '        await self._port.address.remove_pid()\n        return "pid_removed" if',
                '        return "pid_removed" if',
            ),
            Edit(
                WORKER_DRIVER,
                "        await self._port.address.free_data()\n"
                "        await self._port.address.close()\n"
                '        return "closed"\n',
                "        await self._port.address.free_data()\n"
                "        await self._port.address.close()\n"
                "        await self._port.address.remove_pid()\n"
                '        return "closed"\n',
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
                COMING_UP,
                "        step = await self._port.address.listen()\n",
                "        await self._port.address.write_pid()\n"
                "        step = await self._port.address.listen()\n",
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
                WORKER_DRIVER,
                "        result = await self._port.lock.acquire()\n",
                '        return "lock_acquired"\n'
                "        result = await self._port.lock.acquire()\n",
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
                WORKER_DRIVER,
                "        event = await self.attempts.spawn_standby("
                "self._port.children.can_pass_socket)\n",
                "        number_launch = self._port.store.number_launch\n\n"
                "        async def number_own() -> object:\n"
                "            launch = await number_launch()\n"
                "            own = launch.candidates[0]._replace(version=self._version)\n"
                "            return launch._replace(candidates=(own,))\n\n"
                "        self._port.store.number_launch = number_own\n"
                "        event = await self.attempts.spawn_standby("
                "self._port.children.can_pass_socket)\n",
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
                "lifecycle/drivers/child_outcome.py",
                "    if ended.up:\n        return CHILD_LEFT\n",
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
        (Edit(COMING_UP, "        await self._port.parent.say_up()\n", ""),),
        ("V8",),
        seamless("2 ensures, no fault"),
        f"{TESTS}::test_up_is_written_before_the_first_healthy_answer",
    ),
    Fault(
        "rule 2: a late standby is not reaped",
        "a predecessor that gives up on a standby lets the standby live",
        "rule 2",
        (
            Edit(
                ATTEMPTS,
                "        elif ended.late:\n"
                "            ended = await self._holder.children.kill(self.unsettled)\n",
                "        elif ended.late:\n            ended = ended._replace(code=1)\n",
            ),
        ),
        ("V2",),
        seamless("a build that hangs in its import"),
        f"{TESTS}::test_a_late_standby_is_killed_before_the_lock_is_released",
    ),
    Fault(
        "rule 3: an orphan waits on",
        "a standby whose pipe closed waits for a socket that nobody can pass",
        "rule 3",
        (
            Edit(
                COMING_UP,
                "        step = await self._port.parent.await_socket()\n",
                "        step = await self._port.parent.await_socket()\n"
                '        while step.event == "pipe_closed":\n'
                "            step = await self._port.parent.await_socket()\n",
            ),
        ),
        ("L1", "L2", "V2"),
        seamless("1 ensure, 1 kill, 1 overrun", "ensure and restart, 1 kill"),
        f"{TESTS}::test_a_standby_whose_pipe_closed_is_over",
    ),
    Fault(
        "rule 6: stop believes a dark port",
        "`stop` takes no lock before it calls the port dark",
        "rule 6",
        (
            Edit(
                STOPPER,
                "        result = await self._system.lock.acquire()\n",
                '        return "lock_acquired"\n'
                "        result = await self._system.lock.acquire()\n",
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
                WORKER_DRIVER,
                "        if self.why == RECYCLE and await self._is_current():\n",
                "        if self.why == RECYCLE and False:\n",
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
                WORKER_DRIVER,
                "        if self.why == RECYCLE and await self._is_current():\n",
                "        if await self._is_current():\n",
            ),
        ),
        ("V5", "L2"),
        seamless("2 restarts, 1 kill"),
        f"{TESTS}::test_a_current_worker_does_not_decline_a_restart",
    ),
    Fault(
        "no drain",
        "the socket is passed by one who still accepts",
        "own",
        (
            Edit(
                WORKER_DRIVER,
                "        if await self._port.children.drain(self.attempts.child):\n",
                "        if self.attempts:\n",
            ),
        ),
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
                WORKER_DRIVER,
                '        await self._port.app.stop_app()\n        return "app_down"',
                '        return "app_down"',
            ),
        ),
        ("I1", "I2"),
        rebind("2 ensures, no fault"),
        f"{TESTS}::test_a_worker_drains_before_its_app_goes_down",
    ),
    Fault(
        "a stop leaves the standby alive",
        "a worker that is stopped while its standby warms up does not kill its standby",
        "own",
        (
            Edit(
                WORKER_DRIVER,
                "                await self.attempts.kill()\n                await",
                "                await",
            ),
        ),
        ("V2",),
        seamless("restart against recycle against stop"),
        f"{TESTS}::test_a_stop_while_warming_up_kills_the_standby_first",
    ),
    Fault(
        "a failed standby keeps the lock",
        "a worker whose standby failed serves on with the lock in its hand",
        "own",
        (
            Edit(
                WORKER_DRIVER,
                "        await self._refuse_for_standby()\n"
                "        await self._port.lock.release()\n",
                "        await self._refuse_for_standby()\n",
            ),
        ),
        ("L2", "V1", "V5"),
        seamless("a build that app fails", "a build that fails to import"),
        f"{TESTS}::test_a_late_standby_is_killed_before_the_lock_is_released",
    ),
    Fault(
        "a lost standby is not reaped",
        "a predecessor resumes while the standby that missed the socket may live",
        "own",
        (
            Edit(
                ATTEMPTS,
                "            killed = await self._holder.children.kill(self.unsettled)\n",
                "            killed = ChildExit(1)\n",
            ),
        ),
        ("V4",),
        seamless("2 ensures, 1 kill, 1 overrun"),
        f"{TESTS}::test_a_standby_that_missed_the_socket_is_reaped_first",
    ),
    Fault(
        "a resumed worker keeps the lock",
        "a predecessor that resumed serves with the lock in its hand",
        "own",
        (
            Edit(
                WORKER_DRIVER,
                "        await self._port.lock.release()\n"
                "        await self._port.app.accept_again()\n",
                "        await self._port.app.accept_again()\n",
            ),
        ),
        ("L2", "V1", "V5"),
        seamless("a build that app fails"),
        f"{TESTS}::test_a_resumed_worker_releases_then_serves",
    ),
)
