"""Records one real restart for the sequence diagram: pids made small, times from its start."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile

from tests.demo import COMMAND, free_port

TARGET = os.path.join("diagrams", "restart.trace.jsonl")


def main() -> None:
    """Write the recorded lines; the diagram itself comes from `worker-service diagrams`."""
    with tempfile.TemporaryDirectory() as home:
        environment = os.environ | {
            "HOME": home,
            "INCUMBENT_DATA_DIR": os.path.join(home, "data"),
            "INCUMBENT_PORT": str(free_port()),
        }

        def said(*words: str) -> dict[str, object]:
            done = subprocess.run(
                [*COMMAND, "--json", *words], env=environment, stdout=subprocess.PIPE, check=True
            )
            answer: dict[str, object] = json.loads(done.stdout)
            return answer

        said("start")
        try:
            trace = said("restart")["trace"]
        finally:
            said("stop")
    assert isinstance(trace, list)
    with open(TARGET, "w", encoding="utf-8") as file:
        file.writelines(json.dumps(line) + "\n" for line in normalised(trace))


def normalised(trace: list[dict[str, object]]) -> list[dict[str, object]]:
    """Give the same story without this machine's numbers."""
    pids: dict[object, int] = {}
    runs: dict[object, str] = {}
    start = float(str(trace[0]["mono"]))
    kept = []
    for line in trace:
        pid = pids.setdefault(line["pid"], 101 + len(pids))
        run = runs.setdefault(line["run"], f"run-{1 + len(runs)}")
        at = round(float(str(line["mono"])) - start, 3)
        spent = round(float(str(line["ms"])), 1)
        keys = ("format", "machine", "origin", "from", "event", "to")
        kept.append(
            {key: line[key] for key in keys} | {"run": run, "pid": pid, "mono": at, "ms": spent}
        )
    return kept


if __name__ == "__main__":
    main()
