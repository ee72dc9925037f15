"""Faults of the ground: one app on a data dir, numbered launches, asks that were joined."""

from __future__ import annotations

from .fault import Edit, Fault
from .worlds import BOTH_ADDRESSES, MOVED_TWICE, NEWER_RESTART, cold, rebind, repeated, seamless

COMING_UP = "lifecycle/drivers/coming_up.py"
JUDGEMENT = "lifecycle/drivers/judgement.py"
SPAWNER = "lifecycle/drivers/spawner.py"
STOPPER = "lifecycle/drivers/stopper.py"
WORKER_DRIVER = "lifecycle/drivers/worker.py"
LAUNCHER = "lifecycle/posix/launcher.py"
TABLES = "lifecycle/machine/tables.py"
FORCING = "lifecycle/drivers/forcing.py"
HUNG = "lifecycle/posix/hung.py"
SOON_DEAD = "lifecycle/soon_dead.py"
CRASHES = "tests/quick/lifecycle/test_soon_dead.py"
SERVE_LOCK = "lifecycle/lock/serve_lock.py"
LISTENING = "server/listening.py"
SUCCESSOR = "server/successor.py"
WORLD = "tests/proof/world.py"
DRIVERS = "tests/quick/lifecycle/drivers/test_one_app.py"
WORKERS = "tests/quick/lifecycle/drivers/test_drivers.py"
FORCED = "tests/quick/lifecycle/drivers/test_forcing.py"
HUNG_TESTS = "tests/quick/lifecycle/posix/test_hung.py"
SERVING = "tests/quick/server/test_serving_alone.py"
LOCK = "tests/quick/lifecycle/lock/test_serve_lock.py"

DATA = (
    Fault(
        "rule 17: the serve lock is not taken",
        "a worker serves without the lock on its data",
        "rule 17",
        (
            Edit(
                LISTENING,
                "            held_by = self._data.take()\n",
                '            held_by = ""\n',
            ),
        ),
        ("I9",),
        cold("1 ensure"),
        f"{SERVING}::test_a_worker_that_listens_has_the_serve_lock",
        twin=(
            Edit(
                WORLD,
                "            s[SERVE] |= self.bit(actor)\n            if entry[LOST] == BURIED:\n",
                "            if entry[LOST] == BURIED:\n",
            ),
        ),
    ),
    Fault(
        "rule 17: held data are no reason",
        "a worker serves although somebody else has the lock on its data",
        "rule 17",
        (
            Edit(
                LISTENING,
                "            if held_by:\n                listener.close()\n",
                "            if held_by and not self._data:\n                listener.close()\n",
            ),
        ),
        (),
        cold("ensures at 2 addresses, 1 kill, 1 overrun"),
        f"{SERVING}::test_a_worker_does_not_listen_where_somebody_serves_the_data",
        twin=(
            Edit(
                WORLD,
                'runs the app on this data dir."""\n        return not s[SERVE]\n',
                'runs the app on this data dir."""\n        return True\n',
            ),
        ),
        why_alive="out of bounds: the explorer has launchers, whose fence and look under the spawn "
        "lock come first; a `run` by hand at another address has only this lock in its way",
    ),
    Fault(
        "rule 17: held data are the build's fault",
        "a child that finds its data served is rejected",
        "rule 17",
        (Edit(WORKER_DRIVER, '    "data_held": EXIT_LOST,\n', ""),),
        (),
        cold("ensures at 2 addresses, 1 kill, 1 overrun"),
        f"{DRIVERS}::test_a_worker_whose_data_somebody_serves_exits_as_one_that_lost_the_port",
        why_alive="out of bounds: as above, no launched child here finds its data served",
    ),
    Fault(
        "rule 17: let go under the app",
        "the serve lock is let go while the app still runs",
        "rule 17",
        (
            Edit(
                WORKER_DRIVER,
                '        await self._port.app.stop_app()\n        return "app_down"',
                "        await self._port.address.free_data()\n"
                "        await self._port.app.stop_app()\n"
                '        return "app_down"',
            ),
        ),
        ("I9",),
        rebind("2 ensures, no fault"),
        f"{DRIVERS}::test_the_serve_lock_goes_after_the_app_and_before_the_port",
    ),
    Fault(
        "rule 17: not passed with the socket",
        "a predecessor passes the socket and keeps the serve lock",
        "rule 17",
        (
            Edit(
                SUCCESSOR,
                "            self._data.fd if takes_lock else -1,\n",
                "            -1,\n",
            ),
        ),
        ("V5", "L2"),
        seamless("2 ensures, no fault"),
        f"{SERVING}::test_the_serve_lock_goes_with_the_socket",
        twin=(
            Edit(
                WORLD,
                "            s[SERVE] |= self.bit(child)\n            self.count_recycle",
                "            self.count_recycle",
            ),
        ),
    ),
    Fault(
        "rule 18: two guarded sections",
        "a cold child listens in one guarded section, takes the serve lock in another",
        "rule 18",
        (
            Edit(
                LISTENING,
                "            listener = passed or self._new_listener()\n",
                "            listener = passed or self._new_listener()\n"
                "            guard.give_back()\n",
            ),
        ),
        (),
        (),
        f"{SERVING}::test_the_serve_lock_is_taken_under_the_guard_of_the_listen",
        why_alive="out of bounds: a guarded section is one step of the explorer; what holds it "
        "together is looked at by the test",
    ),
    Fault(
        "rule 19: a launcher believes a dark port",
        "a launcher with the lock does not look whether the data are served",
        "rule 19",
        (
            Edit(
                SPAWNER,
                "        event = await self._data_held()\n        if event:\n",
                '        event = ""\n        if event:\n',
            ),
        ),
        ("I8",),
        (BOTH_ADDRESSES, *cold("ensures at 2 addresses, 1 kill, 1 overrun")),
        f"{DRIVERS}::test_a_launcher_with_the_lock_spawns_nothing_onto_data_that_somebody_serves",
    ),
    Fault(
        "rule 19: a stop believes a dark port",
        "a stop says done while somebody serves the data",
        "rule 19",
        (
            Edit(
                STOPPER,
                "        if there.kind == h.DATA_FREE:\n",
                "        if there.kind != h.OUT_OF_REACH:\n",
            ),
        ),
        ("I13",),
        cold("an ensure here, a stop there"),
        f"{DRIVERS}::test_a_stop_does_not_say_done_while_the_data_is_served",
    ),
    Fault(
        "rule 20: nobody looks elsewhere",
        "a launcher whose port is dark does not see the worker at another address",
        "rule 20",
        (
            Edit(
                SPAWNER,
                "        if self.seen.kind in (h.DARK, h.FOREIGN):\n",
                "        if self.seen.kind == h.OUT_OF_REACH:\n",
            ),
        ),
        ("L1", "L2", "V5"),
        seamless("an ensure elsewhere"),
        f"{DRIVERS}::test_an_ensure_is_content_with_a_worker_elsewhere",
    ),
    Fault(
        "rule 21: a look takes the lock",
        "whoever looks at the serve lock holds it for a moment",
        "rule 21",
        (
            Edit(
                SERVE_LOCK,
                "    return open_file_lock.is_locked(path) is True\n",
                "    return not ServeLock(path).take()\n",
            ),
        ),
        (),
        (),
        f"{LOCK}::test_to_look_takes_nothing",
        why_alive="out of bounds: a look is one step of the explorer, so a lock that is held for a "
        "look alone is never met",
    ),
    Fault(
        "rule 22: a restart moves again and again",
        "a restart forgets that it has moved a worker",
        "rule 22",
        (
            Edit(
                SPAWNER,
                "                self._moved = True\n",
                "                self._moved = False\n",
            ),
        ),
        ("I15",),
        (MOVED_TWICE,),
        f"{DRIVERS}::test_a_restart_moves_one_worker_at_most",
    ),
    Fault(
        "rule 22: moved without the spawn lock",
        "a restart asks the worker elsewhere to stop before it has the spawn lock",
        "rule 22",
        (
            Edit(
                SPAWNER,
                "                    return ELSEWHERE\n",
                "                    await self._system.ask(SHUTDOWN, self._named(there.health))\n"
                "                    return ELSEWHERE\n",
            ),
        ),
        ("I15",),
        seamless("a restart elsewhere, 1 kill"),
        f"{DRIVERS}::test_a_restart_moves_a_worker_elsewhere_under_the_spawn_lock",
    ),
    Fault(
        "rule 22: released on the way",
        "a restart gives the spawn lock back once it has asked the worker elsewhere to stop",
        "rule 22",
        (
            Edit(
                SPAWNER,
                '                return "move_asked"',
                "                await self._system.lock.release()\n"
                '                return "move_asked"',
            ),
        ),
        ("I5",),
        seamless("a restart elsewhere, 1 kill"),
        f"{DRIVERS}::test_a_restart_moves_a_worker_elsewhere_under_the_spawn_lock",
    ),
    Fault(
        "rule 31: whoever holds now",
        "a forced run kills whoever is the worker by then, not whom it judged",
        "rule 31",
        (
            Edit(
                HUNG,
                "        noted = self._noted\n        if noted is None:\n",
                "        noted = incumbent_of(self._worker)\n        if noted is None:\n",
            ),
        ),
        ("I14",),
        seamless("a worker hangs, a forced restart"),
        f"{HUNG_TESTS}::test_another_worker_than_the_one_that_was_judged_is_spared",
        twin=(
            Edit(
                WORLD,
                "        return int(entry[JUDGED]) if hangs == entry[JUDGED] else 0\n",
                "        return hangs\n",
            ),
        ),
    ),
    Fault(
        "rule 31: forced without the spawn lock",
        "a forced run kills the worker that hangs before it has the spawn lock",
        "rule 31",
        (
            Edit(
                FORCING,
                "        result = await self._system.lock.acquire()\n",
                "        await self._system.end_judged()\n"
                "        result = await self._system.lock.acquire()\n",
            ),
        ),
        ("I14",),
        seamless("a worker hangs, a forced restart"),
        f"{FORCED}::test_a_worker_that_hangs_is_ended_under_the_spawn_lock",
    ),
    Fault(
        "rule 35: nobody counts",
        "a worker that dies soon after it is up is launched again and again",
        "rule 35",
        (
            Edit(
                SOON_DEAD,
                "    if last.mark not in (UP, SETTLED):\n",
                "    if last.mark != SETTLED:\n",
            ),
        ),
        ("I16", "I17"),
        repeated("the only build dies soon", "what is good dies soon"),
        f"{CRASHES}::test_the_fifth_death_in_a_row_is_a_loop",
    ),
    Fault(
        "rule 35: what is good is spared",
        "deaths of the build that is good count for nothing",
        "rule 35",
        (
            Edit(
                SOON_DEAD,
                "    if build is None:\n",
                "    if build is None or build.same_as(record.good):\n",
            ),
        ),
        ("I16", "I17"),
        repeated("what is good dies soon"),
        f"{CRASHES}::test_a_loop_sets_the_record_back_also_from_what_is_good",
    ),
    Fault(
        "rule 35: settled is not written",
        "a worker that has served for a while counts as soon dead when it is killed",
        "rule 35",
        (
            Edit(
                WORKER_DRIVER,
                "            await self._port.address.settle()\n",
                "            await self._port.hold_lock_wait()\n",
            ),
        ),
        ("V4",),
        repeated("all is well"),
        f"{WORKERS}::test_a_worker_that_has_served_for_a_while_says_so_once",
    ),
    Fault(
        "rule 35: a stop counts",
        "a worker that ended in order before it was settled counts as soon dead",
        "rule 35",
        (
            Edit(
                "server/data_hold.py",
                "                self._lock.mark(LEFT)\n",
                '                self._lock.mark("")\n',
            ),
        ),
        (),
        (),
        f"{SERVING}::test_a_worker_that_ends_in_order_says_so_in_the_serve_lock",
        why_alive="out of bounds: no world stops a worker five times in a row",
    ),
    Fault(
        "rule 40: a loop is over as any other rejection",
        "an ensure takes a working worker down to try a build that dies soon, again and again",
        "rule 40",
        (
            Edit(
                "lifecycle/record.py",
                "(rejection.loops or rejection.counts(now))",
                "rejection.counts(now)",
            ),
            Edit(
                "lifecycle/record.py",
                "rebind or r.loops or r.counts(now)",
                "rebind or r.counts(now)",
            ),
        ),
        ("I16",),
        repeated("a newer build dies soon"),
        f"{CRASHES}::test_a_loop_is_over_only_where_nothing_else_is_left",
    ),
    Fault(
        "rule 34: who is unused ends at once",
        "a worker that nobody uses ends without taking its app down and closing its port",
        "rule 34",
        (
            Edit(
                TABLES,
                '    Row("idle_over", s.VERIFIED, s.STOPPING),\n',
                '    Row("idle_over", s.VERIFIED, s.STOPPED),\n',
            ),
        ),
        ("I6",),
        seamless("idle workers stop, ensure and restart"),
        f"{WORKERS}::test_a_worker_that_nobody_uses_stops",
    ),
    Fault(
        "an ensure moves a worker",
        "an ensure has the worker elsewhere stopped",
        "own",
        (
            Edit(
                SPAWNER,
                "        if there.health is not None and self.restart and not self._moved:\n",
                "        if there.health is not None and not self._moved:\n",
            ),
        ),
        ("I15",),
        (BOTH_ADDRESSES, *cold("ensures at 2 addresses, 1 kill, 1 overrun")),
        f"{DRIVERS}::test_an_ensure_does_not_move_a_worker_elsewhere",
    ),
    Fault(
        "rule 23: out of reach is free",
        "a launcher spawns where the data are served from out of its reach",
        "rule 23",
        (
            Edit(
                SPAWNER,
                '        if there.kind == h.DATA_FREE:\n            return ""\n',
                '        if there.kind in (h.DATA_FREE, h.OUT_OF_REACH):\n            return ""\n',
            ),
        ),
        ("I8",),
        seamless("out of reach"),
        f"{DRIVERS}::test_a_launcher_spawns_nothing_onto_data_out_of_reach",
    ),
    Fault(
        "rule 23: one look is enough",
        "a launcher fails by one look at content that may be stale for a moment",
        "rule 23",
        (
            Edit(
                SPAWNER,
                "        if self._out_of_reach and again:  # its content is stale for a moment "
                "between lock and write\n",
                "        if self._out_of_reach:\n",
            ),
        ),
        (),
        (),
        f"{DRIVERS}::test_one_look_does_not_prove_a_worker_out_of_reach",
        why_alive="out of bounds: in the simulator who takes the serve lock names itself in the "
        "same step, so the content is never stale",
    ),
    Fault(
        "rule 24: unlocked, not closed",
        "who closes its copy of the serve lock unlocks it for its successor too",
        "rule 24",
        (
            Edit(
                SERVE_LOCK,
                "            os.close(self.fd)\n            self.fd = -1\n",
                "            self._lock(self.fd, fcntl.F_UNLCK)\n"
                "            os.close(self.fd)\n            self.fd = -1\n",
            ),
        ),
        ("I9",),
        seamless("2 ensures, no fault"),
        f"{LOCK}::test_a_closed_copy_leaves_the_lock_with_the_other",
        twin=(
            Edit(
                WORLD,
                "        s[SERVE] &= ~self.bit(actor)\n        s[ACCEPTS]",
                "        s[SERVE] = 0\n        s[ACCEPTS]",
            ),
        ),
    ),
    Fault(
        "a worker names itself nowhere",
        "who takes the serve lock does not write into it who serves",
        "own",
        (
            Edit(
                COMING_UP,
                "                return step.event\n"
                "        await self._port.address.name_holder()\n",
                "                return step.event\n",
            ),
        ),
        ("I10",),
        cold("1 ensure"),
        f"{DRIVERS}::test_a_worker_names_itself_before_it_tells_anybody",
    ),
    Fault(
        "who resumes is not named",
        "a predecessor that resumed leaves its dead successor's name in the serve lock",
        "own",
        (
            Edit(
                WORKER_DRIVER,
                '        await self._port.address.name_holder()\n        return "named"\n\n'
                "    async def _resuming_named",
                '        return "named"\n\n    async def _resuming_named',
            ),
        ),
        ("I10",),
        seamless("a build that app fails"),
        f"{DRIVERS}::test_who_resumes_names_itself_again",
    ),
    Fault(
        "the lock goes before the port",
        "a predecessor releases the spawn lock before it closes its copy of the port",
        "own",
        (
            Edit(
                WORKER_DRIVER,
                "            return child_outcome.CHILD_KILLED\n"
                "        await self._port.address.close()\n"
                "        await self._port.lock.release()\n",
                "            return child_outcome.CHILD_KILLED\n"
                "        await self._port.lock.release()\n"
                "        await self._port.address.close()\n",
            ),
        ),
        ("V10",),
        seamless("2 ensures, no fault"),
        f"{DRIVERS}::test_a_predecessor_closes_its_copy_of_the_port_before_it_releases_the_lock",
    ),
)

NUMBERS = (
    Fault(
        "rule 26: the number stands still",
        "a launch is given the number of the one before",
        "rule 26",
        (
            Edit(
                "lifecycle/record.py",
                "    return record._replace(generation=Generation(line, number + 1))\n",
                "    return record._replace(generation=Generation(line, number or 1))\n",
            ),
        ),
        ("I11", "I12", "V5"),
        seamless("2 restarts, 1 kill"),
        f"{SERVING}::test_a_launch_is_numbered_where_the_record_is_read",
        twin=(Edit(WORLD, "    NEXT = 1  #", "    NEXT = 0  #"),),
    ),
    Fault(
        "rule 26: numbered when it begins to serve",
        "a child is not given its number, and takes the next one when it listens",
        "rule 26",
        (
            Edit(
                "lifecycle/posix/child_processes.py",
                "{GENERATION_VARIABLE: str(generation)}",
                '{GENERATION_VARIABLE: ""}',
            ),
        ),
        ("I12",),
        cold("a restart, 1 ensure"),
        f"{SERVING}::test_a_child_is_given_the_number_of_its_launch",
        twin=(
            Edit(WORLD, "        return launched\n", "        return launched // LINE * LINE\n"),
            Edit(
                WORLD,
                "            s[SERVE] |= self.bit(actor)\n            if entry[LOST] == BURIED:\n",
                "            s[SERVE] |= self.bit(actor)\n"
                "            s[NUMBER_OF_LAUNCH] += 1\n"
                "            me[GENERATION] = s[NUMBER_OF_LAUNCH]\n"
                "            if entry[LOST] == BURIED:\n",
            ),
        ),
    ),
    Fault(
        "rule 26: another worker than the first it saw",
        "a restart is verified by any other instance than the first it saw",
        "rule 26",
        (
            Edit(
                SPAWNER,
                '        self.target = ""  # the instance whose leaving we wait for\n',
                '        self.target = ""\n        self._first = ""\n',
            ),
            Edit(
                SPAWNER,
                "        return judged(self.seen.kind, health, record, self.begun, self.restart)\n",
                "        self._first = self._first or health.instance\n"
                "        begun = self.begun._replace(noted=self._first)\n"
                "        return judged(self.seen.kind, health, record, begun, self.restart)\n",
            ),
            Edit(
                JUDGEMENT,
                "fits = fits and is_of_this_restart(health, record, run)",
                "fits = fits and run.noted != health.instance",
            ),
        ),
        ("I12",),
        (*cold("a restart, 1 ensure"), *seamless("ensure and restart, 1 kill")),
        f"{DRIVERS}::test_a_restart_is_not_verified_by_another_worker_that_was_launched_before_it",
    ),
    Fault(
        "rule 27: noted from health",
        "a restart notes the number of the worker that answers, not that of the file",
        "rule 27",
        (
            Edit(
                LAUNCHER,
                "        noted = self._noted or record.generation\n",
                "        seen = (await self.probe()).health\n"
                "        noted = self._noted or (seen.generation if seen else Generation())\n",
            ),
        ),
        ("I12",),
        cold("a restart, 1 ensure"),
        f"{SERVING}::test_a_run_notes_the_number_in_the_file_whoever_answers",
        twin=(
            Edit(
                WORLD,
                "        return int(s[NUMBER_OF_LAUNCH])\n",
                "        actor = self.accepting(s, self.at(s, 0))\n"
                "        return int(s[actor][GENERATION]) if actor else 0\n",
            ),
        ),
    ),
    Fault(
        "rule 28: renewed",
        "a worker that names itself takes the next number",
        "rule 28",
        (
            Edit(
                LISTENING,
                "        place = worker.host, worker.port, network_id(), os.uname().nodename\n",
                "        report.generation = self._store.change_guarded(numbered)[1].generation\n"
                "        place = worker.host, worker.port, network_id(), os.uname().nodename\n",
            ),
        ),
        ("I12",),
        seamless("ensure and restart, 1 kill"),
        f"{SERVING}::test_a_child_keeps_the_number_that_its_parent_gave_it",
        twin=(
            Edit(
                WORLD,
                "                s[NAMED] = self.name_of(actor, me, False)\n",
                "                s[NAMED] = self.name_of(actor, me, False)\n"
                "                s[NUMBER_OF_LAUNCH] += 1\n"
                "                me[GENERATION] = s[NUMBER_OF_LAUNCH]\n",
            ),
        ),
    ),
    Fault(
        "rule 29: an old line verifies",
        "a restart is verified by an old worker whose line of numbers was lost",
        "rule 29",
        (
            Edit(
                JUDGEMENT,
                "    return in_line and health.generation.after(run.noted)\n",
                "    return health.generation.after(run.noted)\n",
            ),
        ),
        ("I12",),
        seamless("a restart, the record lost"),
        f"{DRIVERS}::test_a_restart_is_not_verified_by_an_old_worker_of_a_line_that_was_lost",
    ),
    Fault(
        "rule 30: joined is spent",
        "a restart that joined a handover counts its ask as made",
        "rule 30",
        (
            Edit(
                SPAWNER,
                '            self._to_ask = None\n            return "ask_joined"\n',
                "            self._to_ask = None\n            self._asked = True\n"
                '            return "ask_joined"\n',
            ),
        ),
        ("V5",),
        (NEWER_RESTART, *seamless("restarts of 2 versions")),
        f"{DRIVERS}::test_an_ask_that_was_joined_is_not_spent",
    ),
    Fault(
        "rule 30: joined is not told",
        "a worker whose successor is chosen accepts an ask as if it were not",
        "rule 30",
        (
            Edit(
                WORKER_DRIVER,
                "            return await self._asked_again(said, joined=True)\n",
                "            return await self._asked_again(said)\n",
            ),
        ),
        ("V5",),
        seamless("restarts of 2 versions"),
        f"{DRIVERS}::test_a_restart_that_joins_is_told_so",
    ),
    Fault(
        "a standby's death during the drain is not seen",
        "a predecessor takes its app down although the standby is dead",
        "own",
        (
            Edit(
                WORKER_DRIVER,
                "        if await self._port.children.drain(self.attempts.child):\n",
                "        if await self._port.children.drain(self.attempts.child) is not None:\n",
            ),
        ),
        (),
        seamless("a standby that dies waiting"),
        f"{DRIVERS}::test_a_standby_that_dies_during_the_drain_costs_no_stop_of_the_app",
        why_alive="it costs a stop of the app, and breaks nothing: who passes the socket notices",
    ),
    Fault(
        "a build that dies waiting is not rejected",
        "a standby that dies by its own fault between ready and the socket is not blamed",
        "own",
        (
            Edit(
                "lifecycle/drivers/launch_attempts.py",
                "            ended = killed._replace(late=False)\n",
                "            ended = killed._replace(late=False, code=-9)\n",
            ),
        ),
        ("V5", "L2"),
        seamless("a standby that dies waiting"),
        f"{DRIVERS}::test_a_build_that_dies_while_it_waits_for_the_socket_is_rejected",
    ),
)
GROUND = (*DATA, *NUMBERS)
