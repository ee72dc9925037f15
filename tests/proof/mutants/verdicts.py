"""Faults of the verdicts: whose fault it was, what was ever good."""

from __future__ import annotations

from .fault import Edit, Fault
from .worlds import cold, seamless

SETTLING = "lifecycle/drivers/child_outcome.py"
TESTS = "tests/quick/lifecycle/drivers/test_drivers.py"

VERDICTS = (
    Fault(
        "rule 7: asked to leave is a failure",
        "a child that was stopped before it was up is rejected",
        "rule 7",
        (Edit(SETTLING, "    if ended.code == 0:\n        return CHILD_STOPPED\n", ""),),
        ("V4",),
        (*cold("ensure, stop, SIGTERM"), *seamless("2 ensures, SIGTERM")),
        f"{TESTS}::test_a_child_that_was_asked_to_leave_did_not_fail",
    ),
    Fault(
        "rule 8: exit 75 is a failure",
        "a child that lost the port or its token is rejected",
        "rule 8",
        (Edit(SETTLING, "    if ended.code == EXIT_LOST:\n        return CHILD_LOST\n", ""),),
        ("V4",),
        cold("3 ensures, 1 kill, 1 overrun"),
        f"{TESTS}::test_a_child_that_lost_the_port_did_not_fail",
    ),
    Fault(
        "rule 8: a signal is a failure",
        "a child that somebody killed is rejected",
        "rule 8",
        (
            Edit(
                SETTLING,
                "return CHILD_KILLED if ended.code < 0 and not ended.crashed else CHILD_FAILED",
                "return CHILD_FAILED",
            ),
        ),
        ("V4",),
        cold("3 ensures, 1 kill, 1 overrun"),
        f"{TESTS}::test_a_child_that_was_killed_by_somebody_did_not_fail",
    ),
    Fault(
        "whatever ends was good",
        "a build that failed is recorded as good",
        "own",
        (
            Edit(
                SETTLING,
                "    if word in (CHILD_READY, CHILD_LEFT):\n        return await store.mark_good",
                "    if word != CHILD_STOPPED:\n        return await store.mark_good",
            ),
        ),
        ("V4",),
        cold("a build that app fails"),
        f"{TESTS}::test_only_a_build_that_was_up_is_good",
    ),
    Fault(
        "rule 9: nothing is ever good",
        "a verified build is not remembered as the one to go back to",
        "rule 9",
        (
            Edit(
                SETTLING,
                "        return await store.mark_good(child.build)\n",
                "        return True\n",
            ),
        ),
        ("V4",),
        ("cold: 1 ensure",),
        f"{TESTS}::test_only_a_build_that_was_up_is_good",
    ),
    Fault(
        "a failed build is not rejected",
        "a build that failed is tried again on the next event",
        "own",
        (
            Edit(
                SETTLING,
                "        return await store.reject(child.build, reason(ended), is_late(ended))\n",
                "        return True\n",
            ),
        ),
        ("L2", "V5"),
        seamless("a build that app fails"),
        f"{TESTS}::test_a_build_that_failed_is_rejected",
    ),
)
