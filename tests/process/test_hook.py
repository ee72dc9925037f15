"""A hook delivers its event or keeps it, and never breaks its caller."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from incumbent.cli.hook import STDOUT_IS_DATA
from incumbent.lifecycle.client.deliver import envelope, new_id
from incumbent.lifecycle.client.spool import Spool, session_key

from ..world import RUN_S, App, World, dead_owner, eventually

pytestmark = pytest.mark.process

SLACK_S = 3.0  # for starting a process on a busy machine

RECORDING = """
import asyncio, contextlib
from incumbent.server import recorder
from incumbent.server.recorder import app
__version__ = {version!r}
inner = recorder.app.router.lifespan_context

@contextlib.asynccontextmanager
async def slowly(app):
    await asyncio.sleep({start})
    async with inner(app):
        yield
        await asyncio.sleep({end})

app.router.lifespan_context = slowly
"""

# Claude Code's own fields, event by event, as its reference documents them.
DOCUMENTED: dict[str, dict[str, Any]] = {
    "SessionStart": {"source": "startup", "model": "some-model"},
    "UserPromptSubmit": {"prompt": 'Write a haiku, with "quotes" and an ä'},
    "PreToolUse": {"tool_name": "Bash", "tool_input": {"command": "ls"}, "tool_use_id": "t1"},
    "PostToolUse": {
        "tool_name": "Write",
        "tool_input": {"file_path": "a.txt", "content": "x"},
        "tool_response": {"filePath": "a.txt", "success": True},
        "tool_use_id": "t1",
    },
    "Notification": {"message": "Waiting for your input", "notification_type": "idle_prompt"},
    "Stop": {"stop_hook_active": False, "last_assistant_message": "Done."},
    "SubagentStop": {"stop_hook_active": False, "agent_id": "a1", "agent_type": "Explore"},
    "PreCompact": {"trigger": "manual", "custom_instructions": ""},
    "SessionEnd": {"reason": "prompt_input_exit"},
}
COMMON = {"session_id": "s1", "transcript_path": "t.jsonl", "cwd": "/", "hook_event_name": ""}


class Fired(NamedTuple):
    """What one hook did."""

    code: int
    out: bytes
    talk: str
    took: float


class Hooks:
    """Fires hooks at the one worker of a world."""

    def __init__(self, world: World, app: App, **settings: str) -> None:
        self.world, self.app = world, app
        self.settings = settings

    def begin(self, event: str, **popen: Any) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "incumbent.cli", "hook", event, *popen.pop("words", [])],
            env=self.world.environment(self.app) | self.settings | popen.pop("env", {}),
            stdin=popen.pop("stdin", subprocess.PIPE),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd="/",
            **popen,
        )

    def fire(self, event: str, given: bytes = b"{}", **popen: Any) -> Fired:
        began = time.monotonic()
        process = self.begin(event, **popen)
        out, talk = process.communicate(given, timeout=RUN_S)
        return Fired(process.returncode, out, talk.decode(), time.monotonic() - began)

    def recorded(self, which: str = "limit=1000") -> list[tuple[str, Any]]:
        said = self.world.get(f"/api/events?{which}")
        return [(event["event"], event["payload"]) for event in said["events"]]

    def delivered(self, which: str = "limit=1000") -> list[tuple[str, Any]]:
        """Wait until nothing is kept any more, then give what is recorded."""
        eventually(lambda: not self.kept(), "the worker drains the spool")
        return self.recorded(which)

    def kept(self) -> list[Path]:
        return sorted((self.world.data_dir / "spool").glob("*.json"))


def recording(world: World, version: str = "1.0.0", start: float = 0, end: float = 0) -> App:
    folder = world.sandbox.root / "apps" / f"recording-{version}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "hosted.py").write_text(RECORDING.format(version=version, start=start, end=end))
    return App(folder, version)


@pytest.fixture
def hooks(world: World) -> Hooks:
    return Hooks(world, recording(world))


def assert_answers(fired: Fired, within: float = 10.0 + SLACK_S) -> None:
    """One JSON object on stdout, nothing before it, nothing after it, exit 0."""
    assert fired.code == 0, fired
    said, end = json.JSONDecoder().raw_decode(fired.out.decode())
    assert fired.out[end:] == b"\n", fired
    assert said == {}, fired
    assert "Traceback" not in fired.talk, fired
    assert fired.took < within, fired


def test_the_very_first_hook_brings_the_worker_up_and_its_event_to_it(hooks: Hooks):
    fired = hooks.fire("SessionStart", b'{"session_id": "s1"}')
    assert_answers(fired)
    assert "first run" in fired.talk
    assert hooks.recorded() == [("SessionStart", {"session_id": "s1"})]


def test_a_hook_at_a_healthy_worker_says_nothing_to_people(hooks: Hooks):
    hooks.fire("SessionStart")
    fired = hooks.fire("Stop")
    assert_answers(fired)
    assert fired.talk == ""


@pytest.mark.parametrize("event", DOCUMENTED)
def test_every_documented_event_arrives_as_it_was(hooks: Hooks, event):
    given = COMMON | {"hook_event_name": event} | DOCUMENTED[event]
    assert_answers(hooks.fire(event, json.dumps(given, ensure_ascii=False).encode()))
    assert hooks.recorded() == [(event, given)]


@pytest.mark.parametrize(
    ("given", "recorded", "talk"),
    [
        (b"", [("Odd", {})], "stdin was empty"),
        (b" \n", [("Odd", {})], "stdin was empty"),
        (b"\xef\xbb\xbf{}", [("Odd", {})], ""),
        (b"not json", [], "stdin is no JSON"),
        (b"{", [], "stdin is no JSON"),
        (b"{} {}", [], "stdin is no JSON"),
        (b"\xff\xfe", [], "stdin is no JSON"),
        (b"[" * 100_000, [], "stdin is no JSON"),
        (b"[1]", [], "no object"),
    ],
    ids=["empty", "blank", "mark", "words", "torn", "two", "bytes", "deep", "list"],
)
def test_odd_stdin_never_breaks_the_caller(hooks: Hooks, given, recorded, talk):
    fired = hooks.fire("Odd", given)
    assert_answers(fired)
    assert talk in fired.talk
    assert hooks.recorded() == recorded


def test_ten_megabytes_arrive(hooks: Hooks):
    hooks.fire("First")
    assert_answers(hooks.fire("Long", json.dumps({"text": "x" * 10_000_000}).encode()))
    assert [len(payload.get("text", "")) for _, payload in hooks.recorded("after=1")] == [
        10_000_000
    ]


def test_more_than_the_limit_is_read_to_its_end_and_not_delivered(hooks: Hooks):
    fired = hooks.fire("TooLong", json.dumps({"text": "x" * 16_000_000}).encode())
    assert_answers(fired)
    assert "nothing is delivered" in fired.talk
    assert hooks.recorded() == []


@pytest.mark.parametrize(
    "argv", [[], ["--help"], ["A", "B"], ["A", "--port", "none"]], ids=" ".join
)
def test_a_wrong_call_is_told_and_still_breaks_nobody(hooks: Hooks, argv):
    process = subprocess.run(
        [sys.executable, "-m", "incumbent.cli", "hook", *argv],
        env=hooks.world.environment(hooks.app),
        input=b"{}",
        capture_output=True,
        check=False,
    )
    assert_answers(Fired(process.returncode, process.stdout, process.stderr.decode(), 0.0))
    assert process.stderr


def test_stdin_that_never_ends_is_not_waited_for_beyond_the_deadline(world: World, hooks: Hooks):
    world.ensure(hooks.app)
    process = hooks.begin("Open", env={"INCUMBENT_HOOK_TIMEOUT": "1"})
    began = time.monotonic()
    assert process.wait(RUN_S) == 0
    assert time.monotonic() - began < 1 + SLACK_S
    out, _ = process.communicate()
    assert out == b"{}\n"


def test_closed_standard_files_are_survived(hooks: Hooks):
    line = f"exec {sys.executable} -m incumbent.cli hook Closed <&- 2>&-"
    process = subprocess.run(
        ["sh", "-c", line],
        env=hooks.world.environment(hooks.app),
        stdout=subprocess.PIPE,
        cwd="/",
        check=False,
    )
    assert_answers(Fired(process.returncode, process.stdout, "", 0.0))
    assert hooks.recorded() == [("Closed", {})]


# Trouble.


def spoil_record(world: World) -> None:
    (world.data_dir / "launch.json").write_bytes(b"\0\0\0")


def spoil_lock(world: World) -> None:
    path = world.data_dir / "spawn.lock"
    path.write_text('{"token": ')
    os.utime(path, (time.time() - 30, time.time() - 30))


def leave_dead_lock(world: World) -> None:
    world.leave_lock(*dead_owner())


@pytest.mark.parametrize("running", [True, False], ids=["running", "dark"])
@pytest.mark.parametrize("spoil", [spoil_record, spoil_lock, leave_dead_lock])
def test_a_spoiled_file_of_ours_costs_no_event(world: World, hooks: Hooks, spoil, running):
    if running:
        world.ensure(hooks.app)
    world.data_dir.mkdir(mode=0o700, exist_ok=True)
    spoil(world)
    assert_answers(hooks.fire("Hurt"))
    assert hooks.delivered() == [("Hurt", {})]


@contextlib.contextmanager
def foreigner(port: int) -> Iterator[list[bytes]]:
    """A program that says 200 to everything, and keeps what it was told."""
    told: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", port))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                told.append(connection.recv(65536))
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield told
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def test_a_foreign_program_gets_no_event_and_the_next_hook_delivers_it(world: World, hooks: Hooks):
    with foreigner(world.port) as told:
        fired = hooks.fire("Early", b'{"secret": 1}')
        assert_answers(fired)
        assert "kept" in fired.talk
        assert len(hooks.kept()) == 1
    assert told
    assert not [line for line in told if b"secret" in line or b"POST" in line]
    assert_answers(hooks.fire("Late"))
    assert hooks.delivered() == [("Early", {"secret": 1}), ("Late", {})]
    assert hooks.kept() == []


def test_a_hung_worker_costs_the_deadline_and_no_event(world: World, hooks: Hooks):
    world.ensure(hooks.app)
    pid = world.health().pid
    os.kill(pid, signal.SIGSTOP)
    try:
        fired = hooks.fire("Early", env={"INCUMBENT_HOOK_TIMEOUT": "2"})
        assert len(hooks.kept()) == 1
    finally:
        os.kill(pid, signal.SIGCONT)
    assert_answers(fired, within=2 + SLACK_S)
    assert_answers(hooks.fire("Late"))
    assert [event for event, _ in hooks.delivered()] == ["Early", "Late"]
    assert world.health().pid == pid


def test_many_kept_events_are_delivered_in_order_by_hooks_that_fire_at_once(world, hooks: Hooks):
    with foreigner(world.port):
        for number in range(6):
            assert_answers(hooks.fire("Early", b'{"n": %d}' % number))
    assert len(hooks.kept()) == 6
    processes = [hooks.begin("Late") for _ in range(4)]
    for process in processes:
        process.communicate(b"{}", timeout=RUN_S)
    early = [payload["n"] for event, payload in hooks.delivered() if event == "Early"]
    assert early == list(range(6))
    assert len(hooks.recorded()) == 6 + 4
    assert hooks.kept() == []


def test_a_build_that_hangs_costs_a_hook_its_deadline_and_is_still_judged(world: World):
    world.settings["INCUMBENT_START_TIMEOUT"] = "3"
    hooks = Hooks(world, world.app("1.0.0", "hangs at import"), INCUMBENT_HOOK_TIMEOUT="1")
    fired = hooks.fire("Early")
    assert_answers(fired, within=1 + SLACK_S)
    assert len(hooks.kept()) == 1
    rejected = eventually(lambda: world.record()["rejected"], "the launch goes on to its verdict")
    assert [rejection["version"] for rejection in rejected] == ["1.0.0"]


def test_a_broken_newer_build_costs_no_event_while_an_older_worker_serves(world: World):
    world.ensure(recording(world))
    hooks = Hooks(world, world.app("2.0.0", "cannot be imported"))
    for _ in range(3):
        assert_answers(hooks.fire("Anyway"))
    assert [event for event, _ in hooks.recorded()] == ["Anyway"] * 3
    assert world.health().version == "1.0.0"


@contextlib.contextmanager
def mounted(path: Path, options: str) -> Iterator[None]:
    path.mkdir(mode=0o700, exist_ok=True)
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(path)],
        capture_output=True,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"NOT TESTED: mounting is not permitted here: {done.stderr.decode().strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)


def test_a_read_only_data_dir_is_told_and_survived(world: World, hooks: Hooks):
    with mounted(world.data_dir, "ro,size=1m"):
        fired = hooks.fire("Lost")
    assert_answers(fired)
    assert "the event is lost" in fired.talk


def test_a_data_dir_that_is_a_file_is_told_and_survived(world: World, hooks: Hooks):
    world.data_dir.write_text("in the way")
    fired = hooks.fire("Lost")
    assert_answers(fired)
    assert "the event is lost" in fired.talk
    assert world.data_dir.read_text() == "in the way"
    world.data_dir.unlink()


def test_a_full_disk_is_told_and_survived(world: World, hooks: Hooks):
    with mounted(world.data_dir, "size=64k,mode=700"):
        with (
            open(world.data_dir / "filler", "wb", buffering=0) as file,
            contextlib.suppress(OSError),
        ):
            while True:
                file.write(b"x" * 4096)
        fired = hooks.fire("Lost", json.dumps({"text": "x" * 10_000}).encode())
        assert_answers(fired)
        assert "the event is lost" in fired.talk
        (world.data_dir / "filler").unlink()
        world.close()


# A caller that ends its hook.

ENDINGS = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP]


def given(process: subprocess.Popen[bytes], text: bytes) -> None:
    """Write to a hook's stdin, which stays open."""
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError):  # it had its object before: no wonder it is gone
        process.stdin.write(text)
        process.stdin.flush()


def has_begun(pid: int) -> bool:
    """Whether a hook minds its signals: SIGHUP is the last that it takes a handler for."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("SigCgt:"):
            return bool(int(line.split()[1], 16) >> (signal.SIGHUP - 1) & 1)
    return False


def ended(process: subprocess.Popen[bytes], number: int) -> Fired:
    """End a hook by a signal and give what it did."""
    began = time.monotonic()
    process.send_signal(number)
    out, talk = process.communicate(timeout=RUN_S)
    return Fired(process.returncode, out, talk.decode(), time.monotonic() - began)


@contextlib.contextmanager
def stopped(pid: int) -> Iterator[None]:
    """Keep a worker silent: it accepts and never answers."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@pytest.mark.parametrize("number", ENDINGS)
def test_a_hook_ended_before_its_event_came_answers_and_keeps_nothing(
    world: World, hooks: Hooks, number
):
    world.ensure(hooks.app)
    process = hooks.begin("Never")
    eventually(lambda: has_begun(process.pid), "the hook waits for its event")
    fired = ended(process, number)
    assert_answers(fired, within=SLACK_S)
    assert "ended before an event had come" in fired.talk
    assert hooks.recorded() == []
    assert hooks.kept() == []


@pytest.mark.parametrize("number", ENDINGS)
def test_half_an_object_is_no_event_when_the_hook_is_ended(world: World, hooks: Hooks, number):
    world.ensure(hooks.app)
    process = hooks.begin("Half")
    given(process, b'{"n": ')
    eventually(lambda: has_begun(process.pid), "the hook waits for the rest")
    assert_answers(ended(process, number), within=SLACK_S)
    assert hooks.recorded() == []
    assert hooks.kept() == []


@pytest.mark.parametrize("number", [*ENDINGS, signal.SIGKILL])
def test_a_hook_ended_at_a_silent_worker_has_kept_its_event(world: World, hooks: Hooks, number):
    world.ensure(hooks.app)
    with stopped(world.health().pid):
        process = hooks.begin("Early")
        given(process, b'{"n": 1}')
        eventually(hooks.kept, "the event is kept before any wait")
        fired = ended(process, number)
        assert len(hooks.kept()) == 1
    if number != signal.SIGKILL:
        assert_answers(fired, within=SLACK_S)
    assert_answers(hooks.fire("Late"))
    assert hooks.delivered() == [("Early", {"n": 1}), ("Late", {})]


@pytest.mark.parametrize("number", [*ENDINGS, signal.SIGKILL])
def test_a_hook_ended_while_its_worker_starts_has_kept_its_event(world: World, number):
    hooks = Hooks(world, recording(world, start=1.5))
    process = hooks.begin("Early")
    given(process, b'{"n": 1}')
    eventually(hooks.kept, "the event is kept before any wait")
    fired = ended(process, number)
    if number != signal.SIGKILL:
        assert_answers(fired, within=SLACK_S)
    assert_answers(hooks.fire("Late"))
    assert [event for event, _ in hooks.delivered()] == ["Early", "Late"]
    assert hooks.kept() == []


@pytest.mark.parametrize("number", ENDINGS)
def test_a_hook_ended_while_a_healthy_worker_takes_its_event_keeps_it_under_its_id(
    world: World, number
):
    hooks = Hooks(world, choosy(world))
    world.ensure(hooks.app)
    process = hooks.begin("Slow")
    given(process, b'{"n": 1}')
    eventually(lambda: (world.data_dir / "slow").exists(), "the app has the event")
    assert_answers(ended(process, number), within=SLACK_S)
    (kept,) = hooks.kept()
    assert json.loads(kept.read_bytes())["id"] == (world.data_dir / "slow").read_text()


@pytest.mark.parametrize("delay_ms", range(0, 100, 10))
def test_a_hook_ended_at_any_moment_after_it_began_loses_nothing(world, hooks: Hooks, delay_ms):
    world.ensure(hooks.app)
    process = hooks.begin("Any")
    eventually(lambda: has_begun(process.pid), "the hook has begun")
    given(process, b'{"n": 1}')
    time.sleep(delay_ms / 1000)
    fired = ended(process, signal.SIGTERM)
    assert_answers(fired, within=SLACK_S)
    hooks.fire("Late")
    assert [event for event, _ in hooks.delivered() if event == "Any"] == ["Any"]


# Stdin that stays open.


@pytest.mark.parametrize(
    "pieces",
    [
        [b'{"n": "}"}'],
        [b'{"n": "}"}', b" \n"],
        [b'{"n"', b': "}', b'"}'],
        [b'{"n": "}"', b"}\n\n"],
    ],
    ids=["whole", "blanks", "pieces", "last"],
)
def test_an_object_is_delivered_when_it_is_whole_though_stdin_stays_open(world, hooks, pieces):
    world.ensure(hooks.app)
    process = hooks.begin("Open")
    began = time.monotonic()
    for piece in pieces:
        given(process, piece)
        time.sleep(0.05)  # so that each comes by itself
    assert process.wait(RUN_S) == 0
    assert time.monotonic() - began < SLACK_S
    assert process.communicate()[0] == b"{}\n"
    assert hooks.recorded() == [("Open", {"n": "}"})]


def test_a_long_object_is_delivered_when_it_is_whole_though_stdin_stays_open(world, hooks: Hooks):
    world.ensure(hooks.app)
    process = hooks.begin("Open")
    given(process, json.dumps({"text": "{}" * 1_000_000}).encode())
    assert process.wait(RUN_S) == 0
    process.communicate()
    assert [len(payload["text"]) for _, payload in hooks.recorded()] == [2_000_000]


def test_half_an_object_waits_for_its_rest_until_the_deadline(world: World, hooks: Hooks):
    world.ensure(hooks.app)
    process = hooks.begin("Half", env={"INCUMBENT_HOOK_TIMEOUT": "1"})
    given(process, b'{"n": ')
    assert process.wait(RUN_S) == 0
    out, talk = process.communicate()
    assert out == b"{}\n"
    assert b"stdin is no JSON" in talk
    assert hooks.recorded() == []


def test_who_writes_without_end_is_not_read_beyond_the_deadline(world: World, hooks: Hooks):
    world.ensure(hooks.app)
    endless = subprocess.Popen(["yes"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        began = time.monotonic()
        process = hooks.begin("Odd", stdin=endless.stdout, env={"INCUMBENT_HOOK_TIMEOUT": "1"})
        out, _ = process.communicate(timeout=RUN_S)
    finally:
        endless.kill()
        endless.communicate()
    assert (process.returncode, out) == (0, b"{}\n")
    assert time.monotonic() - began < 1 + SLACK_S


# Words.


@pytest.mark.parametrize(
    "words",
    [
        ["--bogus", "hook", "X"],
        ["--", "hook", "X"],
        ["--port", "hook", "X"],
        ["--data-dir", "hook", "X"],
        ["--data-dir", "", "hook", "X"],
        ["--data-dir=", "hook", "X"],
        ["hook", "X", "--data-dir"],
        ["hook", "X", "--port="],
        ["hook", "--bogus", "X"],
        ["hook", "--for", "claude"],
        ["hook", "X", "Y", "--for", "claude"],
        ["hook", "-h"],
        ["hook", ""],
    ],
    ids=" ".join,
)
def test_wrong_words_are_told_and_touch_nothing(sandbox, words):
    home = sandbox.root / "fresh"
    home.mkdir()
    environment = {"HOME": str(home), "PATH": os.environ["PATH"]}
    environment["INCUMBENT_PORT"] = str(sandbox.port)
    assert_refused([*words], environment, home)


def test_an_empty_data_dir_in_the_environment_touches_nothing(sandbox):
    home = sandbox.root / "fresh"
    home.mkdir()
    environment = {"HOME": str(home), "PATH": os.environ["PATH"], "INCUMBENT_DATA_DIR": ""}
    environment["INCUMBENT_PORT"] = str(sandbox.port)
    assert_refused(["hook", "X"], environment, home)


def assert_refused(words: list[str], environment: dict[str, str], home: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "incumbent.cli", *words],
        env=environment,
        cwd=home,
        input=b"{}",
        capture_output=True,
        check=False,
        timeout=RUN_S,
    )
    assert (done.returncode, done.stdout) == (0, b"{}\n"), done
    assert done.stderr
    assert list(home.iterdir()) == []


@pytest.mark.parametrize("event", sorted(STDOUT_IS_DATA))
def test_nothing_is_printed_where_the_host_reads_stdout_as_data(hooks: Hooks, event):
    fired = hooks.fire(event, b'{"n": 1}')
    assert (fired.code, fired.out) == (0, b"")
    assert hooks.delivered() == [(event, {"n": 1})]


# An app that does not take every event.

CHOOSY = """
import asyncio, json, os
from incumbent.server import recorder
__version__ = "1.0.0"
PLACE = os.environ["INCUMBENT_DATA_DIR"]

async def app(scope, receive, send):
    if scope["type"] != "http" or scope["method"] != "POST":
        return await recorder.app(scope, receive, send)
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    said = json.loads(body)
    status = 0
    if said["event"] == "Slow":
        with open(os.path.join(PLACE, "slow.tmp"), "w") as file:
            file.write(said["id"])
        os.rename(os.path.join(PLACE, "slow.tmp"), os.path.join(PLACE, "slow"))
        await asyncio.sleep(5)
    if said["event"] == "Poison" and not os.path.exists(os.path.join(PLACE, "cured")):
        status = 500
    if said["event"] == "Wrong":
        status = 422
    if said["event"] == "Asking":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        payload = json.dumps(said["payload"]).encode()
        return await send({"type": "http.response.body", "body": payload})
    if status:
        await send({"type": "http.response.start", "status": status, "headers": []})
        return await send({"type": "http.response.body", "body": b""})

    async def again():
        return {"type": "http.request", "body": body, "more_body": False}

    await recorder.app(scope, again, send)
"""


def choosy(world: World) -> App:
    folder = world.sandbox.root / "apps" / "choosy"
    folder.mkdir(parents=True)
    (folder / "hosted.py").write_text(CHOOSY)
    return App(folder, "1.0.0")


def of(session: str, number: int = 0) -> bytes:
    return json.dumps({"session_id": session, "n": number}).encode()


def test_an_event_that_the_app_fails_at_is_kept_with_its_reason_at_once(world: World):
    hooks = Hooks(world, choosy(world))
    world.ensure(hooks.app)
    fired = hooks.fire("Poison", of("a"))
    assert_answers(fired, within=SLACK_S)
    assert "the app answered 500" in fired.talk
    assert len(hooks.kept()) == 1


def test_events_that_the_app_fails_at_hold_up_no_other_session(world: World):
    hooks = Hooks(world, choosy(world))
    world.ensure(hooks.app)
    for number in range(3):
        hooks.fire("Poison", of(f"a{number}"))
    for number in range(3):
        assert_answers(hooks.fire("Fine", of("b", number)), within=SLACK_S)
    assert [payload["n"] for _, payload in hooks.recorded()] == [0, 1, 2]
    assert len(hooks.kept()) == 3


def test_an_event_behind_one_that_failed_waits_for_its_turn(world: World):
    hooks = Hooks(world, choosy(world))
    world.ensure(hooks.app)
    hooks.fire("Poison", of("a", 1))
    assert_answers(hooks.fire("Fine", of("a", 2)), within=SLACK_S)
    assert hooks.recorded() == []
    assert len(hooks.kept()) == 2
    (world.data_dir / "cured").touch()
    assert_answers(hooks.fire("Fine", of("a", 3)), within=SLACK_S)
    assert [payload["n"] for _, payload in hooks.delivered()] == [1, 2, 3]
    assert hooks.kept() == []


def test_an_event_that_failed_is_tried_again_by_the_worker_itself(world: World):
    hooks = Hooks(world, choosy(world))
    world.ensure(hooks.app)
    hooks.fire("Poison", of("a"))
    (world.data_dir / "cured").touch()
    assert [event for event, _ in hooks.delivered()] == ["Poison"]


def test_a_kept_event_that_the_app_refuses_is_set_aside_with_the_reason(world: World):
    hooks = Hooks(world, choosy(world))
    with foreigner(world.port):
        hooks.fire("Wrong", of("a"))
    hooks.fire("Fine", of("a"))
    assert [event for event, _ in hooks.delivered()] == ["Fine"]
    ((_, why),) = Spool(str(world.data_dir / "spool")).aside()
    assert why == "the app answered 422"


def test_an_event_that_the_app_refuses_at_once_is_set_aside_with_the_reason(world: World):
    hooks = Hooks(world, choosy(world))
    world.ensure(hooks.app)
    fired = hooks.fire("Wrong", of("a"))
    assert_answers(fired, within=SLACK_S)
    ((aside, why),) = Spool(str(world.data_dir / "spool")).aside()
    assert why == "the app answered 422"
    assert f"the event is set aside in {aside}" in fired.talk
    assert json.loads(Path(aside).read_bytes())["event"] == "Wrong"
    assert hooks.kept() == []


# The app's answer.

CONTEXT = {"hookSpecificOutput": {"hookEventName": "Asking", "additionalContext": "ä"}}


@pytest.mark.parametrize("cold", [False, True], ids=["healthy", "cold"])
def test_what_the_app_answers_the_hook_is_printed(world: World, cold):
    hooks = Hooks(world, choosy(world))
    if not cold:
        world.ensure(hooks.app)
    fired = hooks.fire("Asking", json.dumps({"hook": CONTEXT}).encode(), words=["--for", "claude"])
    assert fired.code == 0
    assert json.loads(fired.out) == CONTEXT
    assert hooks.kept() == []


@pytest.mark.parametrize(
    ("payload", "words", "talk"),
    [
        ({"hook": 7}, [], "no JSON object"),
        ({"hook": {"systemMessage": "x" * 70_000}}, [], "over 65536 bytes"),
        ({"hook": {"suppressOutput": True}}, ["--for=codex"], "codex does not take"),
        ({"hook": CONTEXT}, ["--for", "emacs"], "--for takes claude, codex, gemini, not 'emacs'"),
        ({"hook": CONTEXT}, ["--for"], "--for takes claude, codex, gemini, not ''"),
    ],
    ids=["number", "long", "codex", "unknown", "none"],
)
def test_an_answer_that_will_not_do_leaves_the_constant_one(world: World, payload, words, talk):
    hooks = Hooks(world, choosy(world))
    world.ensure(hooks.app)
    fired = hooks.fire("Asking", json.dumps(payload).encode(), words=words)
    assert_answers(fired)
    assert talk in fired.talk


# A worker that does not answer.


def test_a_silent_worker_costs_the_first_hook_its_time_and_the_next_a_fraction(world, hooks):
    world.ensure(hooks.app)
    with stopped(world.health().pid):
        first = hooks.fire("One", of("a"), env={"INCUMBENT_HOOK_TIMEOUT": "3"})
        assert_answers(first, within=3 + SLACK_S)
        for name in ("Two", "Three"):
            fired = hooks.fire(name, of("a"), env={"INCUMBENT_HOOK_TIMEOUT": "60"})
            assert_answers(fired, within=SLACK_S)
            assert "still does not answer" in fired.talk
        assert len(hooks.kept()) == 3
    assert first.took > 2
    assert_answers(hooks.fire("Four", of("b")), within=SLACK_S)
    assert sorted(event for event, _ in hooks.delivered()) == ["Four", "One", "Three", "Two"]
    assert not (world.data_dir / "silent").exists()


def test_a_worker_once_silent_and_now_gone_is_launched_anew(world: World, hooks: Hooks):
    world.ensure(hooks.app)
    pid = world.health().pid
    with stopped(pid):
        hooks.fire("One", env={"INCUMBENT_HOOK_TIMEOUT": "2"})
        assert (world.data_dir / "silent").exists()
        os.kill(pid, signal.SIGKILL)
    assert_answers(hooks.fire("Two"))
    assert [event for event, _ in hooks.delivered()] == ["One", "Two"]
    assert not (world.data_dir / "silent").exists()


def test_hundreds_of_kept_events_stay_in_order_when_four_hooks_fire_at_once(world, hooks: Hooks):
    world.ensure(hooks.app)
    spool = Spool(str(world.data_dir / "spool"))
    for number in range(299):
        body = envelope(new_id(), "Early", of("a", number))
        spool.keep(body, session_key("a")).let_go()
    processes = [hooks.begin("Late", start_new_session=True) for _ in range(4)]
    for number, process in enumerate(processes):
        given(process, of("a", 299 + number))
    for process in processes:
        process.communicate(timeout=RUN_S)
    numbers = [payload["n"] for _, payload in hooks.delivered()]
    assert numbers[:299] == list(range(299))
    assert sorted(numbers) == list(range(303))


# Restarts.

PHASES = {
    "rebind": [
        "handover_asked",
        "lock_acquired",
        "drained",
        "closed",
        "spawned",
        "listen_ok",
        "app_up",
    ],
    "seamless": [
        "handover_asked",
        "standby_spawned",
        "standby_ready",
        "drained",
        "socket_passed",
        "pid_written",
        "app_up",
    ],
}


@pytest.mark.parametrize("strategy", PHASES)
def test_a_hook_in_any_phase_of_a_restart_succeeds_exactly_once(world: World, strategy):
    world.settings["INCUMBENT_HANDOVER"] = strategy
    hooks = Hooks(world, recording(world, start=0.3, end=0.3))
    assert_answers(hooks.fire("before"))
    already = len(world.trace())
    restart = world.begin(hooks.app, "restart")
    processes = []
    for phase in PHASES[strategy]:

        def reached(phase: str = phase) -> bool:
            lines = world.trace()[already:]
            return any(line["machine"] == "worker" and line["event"] == phase for line in lines)

        eventually(reached, phase)
        process = hooks.begin(phase)
        assert process.stdin is not None
        process.stdin.close()
        process.stdin = None
        processes.append(process)
    assert world.end(restart).code == 0
    for process in processes:
        out, talk = process.communicate(timeout=RUN_S)
        assert_answers(Fired(process.returncode, out, talk.decode(), 0.0))
    assert_answers(hooks.fire("after"))
    events = sorted(event for event, _ in hooks.delivered())
    assert events == sorted(["before", *PHASES[strategy], "after"])
    assert hooks.kept() == []
