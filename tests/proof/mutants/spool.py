"""Faults in the spool: between a hook that keeps an event and the app that takes it."""

from __future__ import annotations

from .fault import Edit, Fault

SPOOL = "lifecycle/client/spool.py"
DRAIN = "server/spool/drain.py"
KEPT = "server/spool/kept_events.py"
RECORDER = "server/recorder.py"
KEEPING = "tests/quick/lifecycle/client/test_spool.py"
DRAINING = "tests/quick/server/spool/test_drain.py"
NAMES = "tests/quick/server/spool/test_kept_events.py"

SPOOLING = (
    Fault(
        "rule 41: queue behind nobody",
        "a hook delivers its event while older ones of its session are kept",
        "rule 41",
        (
            Edit(
                SPOOL,
                "return any(session_in(name) in",
                "return False and any(session_in(name) in",
            ),
        ),
        ("I18",),
        ("spool-deaths", "spool-fails"),
        f"{KEEPING}::test_an_event_holds_up_its_own_session",
    ),
    Fault(
        "rule 41: named by the clock",
        "a clock that goes back puts an event before older ones of its session",
        "rule 41",
        (
            Edit(
                SPOOL,
                "        return max(last + 1, time_ns())\n",
                "        return time_ns()\n",
            ),
        ),
        ("I18",),
        ("spool-deaths", "spool-fails"),
        f"{KEEPING}::test_a_clock_that_goes_back_changes_no_order",
    ),
    Fault(
        "rule 42: removed before it is given",
        "the worker removes an event, then gives it to the app",
        "rule 42",
        (
            Edit(
                DRAIN,
                "        call = asyncio.ensure_future(self._give(event.body))\n",
                "        await self._files(self._kept.remove, event)\n"
                "        call = asyncio.ensure_future(self._give(event.body))\n",
            ),
        ),
        ("I18",),
        ("spool-deaths", "spool-kills", "spool-fails"),
        f"{DRAINING}::test_an_event_that_nobody_answered_for_is_given_again",
    ),
    Fault(
        "rule 42: no ids",
        "the app takes an event as often as it is given it",
        "rule 42",
        (Edit(RECORDER, "VALUES (?, ?, ?) ON", "VALUES (hex(randomblob(8)) || ?, ?, ?) ON"),),
        ("I18",),
        ("spool-deaths",),
        "tests/quick/server/test_recorder.py::test_an_event_is_kept_once",
    ),
    Fault(
        "an event is given before it is in hand",
        "nothing on disk says that the app has an event: one that ends the worker ends each",
        "own",
        (
            Edit(
                KEPT,
                "            in_hand = name._replace(mark=mark)\n",
                "            del mark\n            in_hand = name\n",
            ),
        ),
        ("I18",),
        ("spool-kills",),
        f"{NAMES}::test_an_event_is_in_hand_before_it_is_given",
    ),
    Fault(
        "a suspect waits for the one behind it",
        "two events of one session that were in hand at a death hold each other up, for ever",
        "own",
        (
            Edit(
                DRAIN,
                "                cut.add(name.session)\n",
                "                held.add(key)\n",
            ),
        ),
        ("I18",),
        ("spool-deaths", "spool-kills"),
        f"{DRAINING}::test_suspects_of_one_session_come_one_after_the_other",
    ),
)
