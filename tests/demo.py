"""The main job on real processes: one worker under load, restarted three times, with its proof."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator, Mapping

from incumbent.lifecycle.client.deliver import DELIVERED, deliver

from .proving import proved

RESTARTS = 3
SENDERS = 2
BETWEEN_S = 0.01
COMMAND = [sys.executable, "-m", "incumbent.cli.main"]


class Sender(threading.Thread):
    """Streams hook events at the worker as an agent would, each until it is acknowledged."""

    def __init__(self, port: int, data: str, ending: threading.Event) -> None:
        super().__init__(daemon=True)
        self._port, self._data, self._ending = port, data, ending
        self.sent: list[str] = []
        self.acknowledged: list[str] = []
        self.answers: list[float] = []
        self.retries = 0

    def run(self) -> None:
        while not self._ending.wait(BETWEEN_S):
            identity = str(uuid.uuid4())
            event = {"id": identity, "event": "PostToolUse", "payload": {"n": len(self.sent)}}
            self.sent.append(identity)
            while not self._delivered(event) and not self._ending.is_set():
                self.retries += 1

    def _delivered(self, event: Mapping[str, object]) -> bool:
        body = json.dumps(event).encode()
        if deliver("127.0.0.1", self._port, self._data, body, 10.0)[0] != DELIVERED:
            return False
        self.acknowledged.append(str(event["id"]))
        self.answers.append(time.monotonic())
        return True


def recorded(port: int, data: str) -> Iterator[str]:
    """Give the id of every event the worker has, in order."""
    after = 0
    while True:
        _, page = proved(port, data, "GET", f"/api/events?after={after}&limit=1000")
        if not page["events"]:
            return
        yield from (event["id"] for event in page["events"])
        after = page["next"]


def longest_gap(answers: list[float], begin: float, end: float) -> float:
    """Give the longest time without a good answer within this window, in milliseconds."""
    within = [begin, *(moment for moment in answers if begin <= moment <= end), end]
    return max(late - early for early, late in itertools.pairwise(within)) * 1000


def free_port() -> int:
    """Give a port that nobody listens on, below the ephemeral range."""
    for port in range(28100, 32000):
        with socket.socket() as trial:
            try:
                trial.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise SystemExit("no free port below the ephemeral range")


def main() -> int:
    """Run the demonstration; 0 when every promise held."""
    home = tempfile.mkdtemp(prefix="incumbent-demo-")
    port = free_port()
    data = os.path.join(home, "data")
    environment = os.environ | {
        "HOME": home,
        "INCUMBENT_DATA_DIR": data,
        "INCUMBENT_PORT": str(port),
    }

    def command(*words: str) -> int:
        print(f"\n$ worker-service {' '.join(words)}", flush=True)
        return subprocess.run([*COMMAND, *words], env=environment, check=False).returncode

    ending = threading.Event()
    senders = [Sender(port, data, ending) for _ in range(SENDERS)]
    try:
        codes = [command("start")]
        for sender in senders:
            sender.start()
        windows, pids = [], []
        for _ in range(RESTARTS):
            begin = time.monotonic()
            codes.append(command("restart"))
            windows.append((begin, time.monotonic()))
            pids.append(proved(port, data, "GET", "/api/health")[1]["pid"])
        ending.set()
        for sender in senders:
            sender.join()
        return report(data, port, senders, windows, pids, codes)
    finally:
        ending.set()
        command("stop")
        shutil.rmtree(home, ignore_errors=True)


def report(
    data: str,
    port: int,
    senders: list[Sender],
    windows: list[tuple[float, float]],
    pids: list[int],
    codes: list[int],
) -> int:
    """Print the closing table; 0 when every promise held."""
    sent = [identity for sender in senders for identity in sender.sent]
    acknowledged = {identity for sender in senders for identity in sender.acknowledged}
    answers = sorted(moment for sender in senders for moment in sender.answers)
    kept = list(recorded(port, data))
    lost = acknowledged - set(kept)
    with open(os.path.join(data, "trace.jsonl"), encoding="utf-8") as file:
        trace = [json.loads(line) for line in file]
    with open(os.path.join(data, "logs", "worker.log"), encoding="utf-8") as file:
        said = file.read().lower() + json.dumps(trace).lower()
    recycles = sum(line["event"] == "worker_stale" for line in trace)
    in_use = said.count("address already in use")
    gaps = [longest_gap(answers, begin, end) for begin, end in windows]
    rows = [
        ("events sent", str(len(sent))),
        ("events acknowledged", str(len(acknowledged))),
        ("acknowledged events lost", str(len(lost))),
        ("events recorded twice", str(len(kept) - len(set(kept)))),
        ("deliveries that had to be repeated", str(sum(s.retries for s in senders))),
        ("recycles", str(recycles)),
        ('"address already in use"', str(in_use)),
        ("workers in a row", " -> ".join(map(str, pids))),
        ("dark to health, worst of each restart", ", ".join(f"{gap:.1f} ms" for gap in gaps)),
    ]
    width = max(len(name) for name, _ in rows)
    print()
    for name, value in rows:
        print(f"  {name.ljust(width)}   {value}")
    held = not lost and not in_use and not any(codes) and len(set(pids)) == RESTARTS
    print(f"\n{'every promise held' if held else 'A PROMISE WAS BROKEN'}", flush=True)
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
