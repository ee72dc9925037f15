"""What two versions say to each other, and how long each waits, is written down once more by hand.

A name or a number in this table is part of a promise: to a worker of another version, to whoever
waits, to a page of the docs. Who changes one does so on purpose, in two places.
"""

from __future__ import annotations

import importlib

import pytest

# The words of one version that another one, or a person's files, must understand.
WORDS: dict[str, dict[str, object]] = {
    "lifecycle.posix.child_environment": {
        "PIPE_VARIABLE": "INCUMBENT_PIPE",
        "TOKEN_VARIABLE": "INCUMBENT_LOCK_TOKEN",
        "EXPECT_VARIABLE": "INCUMBENT_EXPECT",
        "ROLE_VARIABLE": "INCUMBENT_ROLE",
        "STANDBY_ROLE": "understudy",
        "ORIGIN_VARIABLE": "INCUMBENT_ORIGIN",
        "EARLY_VARIABLE": "INCUMBENT_EARLY_LOG",
        "GENERATION_VARIABLE": "INCUMBENT_GENERATION",
        "BUILD_VARIABLE": "INCUMBENT_BUILD",
        "PASS_VARIABLE": "INCUMBENT_PASS_ENV",
        "FIRST_NAMES": {
            "INCUMBENT_LOCK_TOKEN": "INCUMBENT_LEASE",
            "INCUMBENT_ORIGIN": "INCUMBENT_DOOR",
        },
    },
    "lifecycle.posix.child_process": {
        "READY_BYTE": b"r",
        "UP_BYTE": b"u",
        "TAKES_SERVE_LOCK": "serve-lock",
        "EXIT_NO_PROGRAM": 127,
    },
    "lifecycle.drivers.ports": {
        "ACCEPTED": "accepted",
        "EXIT_LATE": 77,
        "EXIT_LOST": 75,
        "EXIT_WRONG_VERSION": 76,
        "JOINED": "joined",
        "MISSED": "missed",
        "RECYCLE": "recycle",
        "REFUSED": "refused",
        "RESTART": "restart",
        "SHUTDOWN": "shutdown",
        "UNANSWERED": "unanswered",
    },
    "lifecycle.lock.spawn_lock": {
        "ACQUIRED": "lock_acquired",
        "HELD": "lock_held",
        "STOLEN": "lock_stale_stolen",
    },
    "lifecycle.lock.serve_lock": {"CONTENT_BYTES": 1024},
    "server.process.service_manager": {"FIRST_FD": 3},
    "server.process.hang_watch": {"LOG_FD": 2},
    "server.http.protocol": {"EVENT_STREAM": b"text/event-stream"},
}

# Seconds, unless the name says otherwise.
BUDGETS: dict[str, dict[str, object]] = {
    "lifecycle.settings": {
        "DRAIN_S": 5.0,
        "HANG_S": 60.0,
        "LEASE_S": 60.0,
        "LOCK_S": 5.0,
        "MARGIN_S": 5.0,
        "PATIENCE_S": 10.0,
        "START_S": 15.0,
    },
    "lifecycle.record": {
        "PAUSES_S": (60.0, 300.0, 1800.0),
        "KEEP_REJECTIONS": 20,
        "SOON_DEAD": 5,
    },
    "lifecycle.files": {"LIMIT_BYTES": 4_000_000},
    "lifecycle.trace": {"ROTATE_BYTES": 4_000_000},
    "lifecycle.client.probe": {"PROBE_TIMEOUT_S": 1.0},
    "lifecycle.client.proof": {"NONCE_BYTES": 16, "SECRET_LETTERS": 64},
    "server.http.peers": {"TELL_S": 60.0},
    "server.http.proving": {"NONCES": 1000, "NONCE_LIMIT": 256},
    "lifecycle.client.http": {"ANSWER_LIMIT_BYTES": 1_000_000},
    "lifecycle.drivers.launch_attempts": {"LAUNCHES": 2},
    "lifecycle.lock.guard": {"WAIT_S": 5.0, "_STEP_S": 0.001},
    "lifecycle.lock.lock_files": {"_LIMIT_BYTES": 65_536},
    "lifecycle.lock.process_identity": {"MAX_PID": 2_147_483_647},
    "lifecycle.posix.fingerprint": {"FILES_LIMIT": 5000},
    "lifecycle.posix.listening": {"COMMAND_LETTERS": 80},
    "lifecycle.lock.spawn_lock": {"HEARTBEAT_S": 10.0, "TORN_S": 2.0, "UNMENDED_S": 20.0},
    "lifecycle.posix.admin_call": {"ASK_TIMEOUT_S": 5.0},
    "lifecycle.posix.last_words": {"OUTPUT_LIMIT": 500},
    "lifecycle.soon_dead": {"SETTLED_S": 10.0, "WINDOW_S": 600.0},
    "lifecycle.posix.child_processes": {"CHILD_GRACE_S": 1.0},
    "lifecycle.posix.launcher": {
        "PAUSE_LIMIT_S": 0.03,
        "PAUSE_S": 0.005,
        "RESPAWN_GRACE_S": 5.0,
        "WATCH_STEP_S": 0.001,
    },
    "lifecycle.posix.presence": {"CHECK_S": 10.0},
    "lifecycle.posix.session": {"GRACE_S": 0.5, "STEP_S": 0.01},
    "server.app.lifespan": {"CANCEL_S": 1.0},
    "server.by_hand": {"PAUSE_S": 0.01},
    "server.http.accepting": {"ACCEPTS_A_TURN": 100, "CLOSED_A_TURN": 16, "NO_ROOM_S": 0.2},
    "server.http.draining": {
        "GOODBYE_S": 0.1,
        "JUST_BEGUN_S": 0.02,
        "LOOK_S": 0.02,
        "QUIET_SHARE": 0.5,
        "TRULY_QUIET_S": 0.25,
    },
    "server.http.endpoints": {"ACCEPT_TIMEOUT_S": 4.0, "ASK_LIMIT_BYTES": 10_000},
    "server.http.import_responder": {
        "HEAD_LIMIT_BYTES": 8192,
        "MOMENT_S": 0.001,
        "PATIENCE_S": 0.2,
    },
    "server.http.leaving": {"HEAD_MOMENT_S": 0.1, "KEPT_LIMIT": 1000},
    "server.http.protocol": {"HEAD_S": 5.0, "STALLED_S": 1.0},
    "server.listening": {"BACKLOG": 2048},
    "server.process.descriptors": {"MANY": 1 << 20, "RESERVE": 64},
    "server.process.hang_watch": {"SPARE_S": 2.0, "TICK_S": 0.5},
    "server.process.logs": {"ROTATE_BYTES": 5_000_000},
    "server.process.socket_passing": {"PASS_TIMEOUT_S": 2.0},
    "server.recorder": {
        "DISCARDED_LIMIT_BYTES": 32_000_000,
        "EVENT_LIMIT_BYTES": 16_000_000,
        "NAME_LIMIT": 200,
        "PAGE_LIMIT": 1000,
        "PAGE_LIMIT_BYTES": 8_000_000,
    },
    "server.successor": {"REAP_STEP_S": 0.002},
    "server.worker": {"PAUSE_S": 0.01},
}


@pytest.mark.parametrize("module", sorted(WORDS))
def test_a_word_is_the_one_that_others_know(module: str):
    found = vars(importlib.import_module(f"incumbent.{module}"))
    assert {name: found[name] for name in WORDS[module]} == WORDS[module]


@pytest.mark.parametrize("module", sorted(BUDGETS))
def test_a_budget_is_the_one_that_was_promised(module: str):
    found = vars(importlib.import_module(f"incumbent.{module}"))
    assert {name: found[name] for name in BUDGETS[module]} == BUDGETS[module]


def test_whoever_waits_for_another_waits_longer_than_that_other_may_take():
    from incumbent.lifecycle import settings
    from incumbent.lifecycle.lock import guard, spawn_lock
    from incumbent.lifecycle.posix import admin_call, child_processes
    from incumbent.server.http import endpoints
    from incumbent.server.process import hang_watch

    assert admin_call.ASK_TIMEOUT_S > endpoints.ACCEPT_TIMEOUT_S
    assert settings.LEASE_S > spawn_lock.UNMENDED_S > spawn_lock.HEARTBEAT_S
    assert guard.WAIT_S < settings.LEASE_S
    assert hang_watch.SPARE_S > child_processes.CHILD_GRACE_S
    assert settings.HANG_S > settings.START_S > hang_watch.TICK_S
