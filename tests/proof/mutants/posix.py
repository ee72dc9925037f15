"""Faults below the drivers' verbs: the explorer sees their twins in its own world."""

from __future__ import annotations

from .fault import Edit, Fault
from .worlds import ORPHAN_HANGS, cold, rebind, seamless

LISTENING = "server/listening.py"
HOSTING = "server/hosting.py"
WORLD = "tests/proof/world.py"
TESTS = "tests/quick/server/test_worker.py"

POSIX_FAULTS = (
    Fault(
        "bind taken as proof",
        "a worker believes that it holds the port once it has bound it",
        "design",
        (Edit(LISTENING, "            listener.listen(BACKLOG)\n", ""),),
        ("I2",),
        seamless("ensure and stop, a foreign server"),
        f"{TESTS}::test_only_one_of_two_that_bound_the_port_has_it",
        twin=(
            Edit(
                WORLD,
                "        if s[HOLDERS] & here:\n            return False\n",
                "        if s[HOLDERS] & here:\n            return True\n",
            ),
        ),
    ),
    Fault(
        "rule 1: a killed child's `up` is not read",
        "a parent that kills a late child does not look whether it was up in the last moment",
        "rule 1",
        (
            Edit(
                "lifecycle/posix/child_process.py",
                "            while said := self.pipe.recv(64):\n                self.heard(said)\n",
                "            self.pipe.recv(64)\n",
            ),
        ),
        ("V4", "I1"),
        seamless("ensure and restart, 1 overrun, 1 early deadline"),
        f"{TESTS}::test_a_killed_child_that_was_up_was_up",
        twin=(
            Edit(
                WORLD,
                '        ended = ("ended", code, bool(up), False, True, ())\n',
                '        ended = ("ended", code, False, False, True, ())\n',
            ),
        ),
    ),
    Fault(
        "rule 4: no deadline of its own",
        "a worker that hangs on its way up holds the port for ever",
        "rule 4",
        (
            Edit(
                "server/process/watchdog.py",
                "        if off.wait(self._budget):\n            return\n",
                "        off.wait()\n        return\n",
            ),
        ),
        ("L2",),
        (ORPHAN_HANGS,),
        f"{TESTS}::test_a_worker_that_is_not_up_in_time_ends_itself",
        twin=(
            Edit(
                WORLD,
                "        if not (hangs or slow):\n            return\n",
                "        if hangs or slow or not slow:\n            return\n",
            ),
        ),
    ),
    Fault(
        "rule 6: no fence",
        "a cold child listens although the lock no longer carries its parent's token",
        "rule 6",
        (
            Edit(
                LISTENING,
                "            if owner is None or owner.token != lock_token:\n",
                "            if owner is None and not lock_token:\n",
            ),
        ),
        ("V9", "V7"),
        cold("ensure and stop, 1 kill, 1 overrun", "3 ensures, 1 kill, 1 overrun"),
        f"{TESTS}::test_a_child_whose_token_is_gone_does_not_listen",
        twin=(
            Edit(
                WORLD,
                "        return carried == (entry[TOKEN],)\n",
                "        return s[LOCK] is not None\n",
            ),
        ),
    ),
    Fault(
        "rule 8: anyone changes the record",
        "a holder that was robbed of the lock still writes its verdict into the record",
        "rule 8",
        (
            Edit(
                "lifecycle/posix/spawn_lock_hold.py",
                "            if ours:\n                act()",
                "            if ours or not ours:\n                act()",
            ),
        ),
        ("I4",),
        cold("3 ensures, 1 kill, 1 overrun"),
        f"{TESTS}::test_a_robbed_holder_does_not_change_the_record",
        twin=(
            Edit(
                WORLD,
                'checked under the guard."""\n        return self.holds(s, entry)\n',
                'checked under the guard."""\n        return True\n',
            ),
        ),
    ),
    Fault(
        "rule 9: a late build stays rejected",
        "the rejection of a build that was late once never expires",
        "rule 9",
        (
            Edit(
                "lifecycle/record.py",
                "rejection.is_of(build) and (rejection.loops or rejection.counts(now)):\n",
                "rejection.is_of(build):\n",
            ),
        ),
        (),
        (),
        "tests/quick/lifecycle/test_record.py",
        why_alive="out of bounds: the explorer has no clock by which a rejection could expire",
    ),
    Fault(
        "rule 11: whoever answers is asked",
        "an ask that names another instance is taken all the same",
        "rule 11",
        (
            Edit(
                "server/http/endpoints.py",
                "        if meant != self._control.instance:\n",
                "        if not meant:\n",
            ),
        ),
        ("V7", "L3", "V5"),
        (*seamless("2 restarts, 1 kill"), *rebind("2 restarts, 1 kill")),
        "tests/quick/server/http/test_endpoints.py::test_an_ask_of_another_instance_is_refused",
        twin=(
            Edit(
                WORLD,
                "        if str(self.pid(target)) != instance:\n",
                "        if not instance:\n",
            ),
        ),
    ),
    Fault(
        "rule 14: mislabelled is well",
        "a child does not compare the version it loaded with the expected one",
        "rule 14",
        (
            Edit(
                HOSTING,
                "            if expected and not same(loaded.version, expected):\n",
                "            if expected and not loaded.version:\n",
            ),
        ),
        ("V3",),
        (*cold("the first build is mislabelled"), *seamless("a build that is mislabelled")),
        f"{TESTS}::test_a_build_of_another_version_than_expected_is_not_started",
        twin=(
            Edit(
                WORLD,
                'MISLABELLED: "wrong_version"}.get(how, "imported")',
                'MISLABELLED: "imported"}.get(how, "imported")',
            ),
        ),
    ),
    Fault(
        "rule 15: a waiter gives up too soon",
        "a waiter's deadline counts one start budget, not two",
        "rule 15",
        (
            Edit(
                "lifecycle/settings.py",
                "+ self.drain_timeout + 2 * self.start_timeout + 2 * MARGIN_S",
                "+ self.drain_timeout + self.start_timeout",
            ),
        ),
        (),
        (),
        "t"
        "ests/quick/lifecycle/test_settings.py::test_a_waiter_outlasts_a_handover_with_its_rollback",
        why_alive="out of bounds: the explorer has no durations, it lets a deadline fire early at "
        "the cost of one fault",
    ),
    Fault(
        "rule 15: a start budget outlives the lease",
        "a start budget is allowed that is longer than the lease of the lock",
        "rule 15",
        (
            Edit(
                "lifecycle/settings.py",
                "    if seconds + MARGIN_S >= LEASE_S:\n",
                "    if seconds < 0:\n",
            ),
        ),
        (),
        (),
        "t"
        "ests/quick/lifecycle/test_settings.py::test_a_start_budget_that_outlives_the_lease_is_refused",
        why_alive="out of bounds: the explorer has no durations, it lets a lease run out at any "
        "moment at the cost of one fault",
    ),
)
