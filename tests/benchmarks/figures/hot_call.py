"""What one call costs in a process that runs already."""

from __future__ import annotations

from ..measuring import Figure, ratio, summary
from ..place import place
from . import Scale

ROW = "hot `ensure_running()` in process, median, against a bare-socket GET of the same health"
TARGET = "≤ 1.3 x"
LIMIT = 1.3

CODE = """
import json, socket, time
from incumbent.lifecycle import ensure_running
port = ensure_running().port
head = f"Host: 127.0.0.1:{port}\\r\\nConnection: close"
question = f"GET /api/health HTTP/1.1\\r\\n{head}\\r\\n\\r\\n".encode()

def bare():
    began = time.perf_counter()
    sock = socket.socket()
    sock.connect(("127.0.0.1", port))
    sock.sendall(question)
    received = b""
    while True:
        more = sock.recv(65536)
        if not more:
            break
        received += more
    sock.close()
    return (time.perf_counter() - began) * 1000

def ours():
    began = time.perf_counter()
    ensure_running()
    return (time.perf_counter() - began) * 1000

said = [[], []]
for number in range(ROUNDS):
    if number % 2:
        said[0].append(ours()); said[1].append(bare())
    else:
        said[1].append(bare()); said[0].append(ours())
print(json.dumps(said))
"""


def measure(scale: Scale) -> Figure:
    """Call, ask over a bare socket, in turn in one process."""
    with place() as here:
        environment = here.host()
        here.ensure(environment)
        code = CODE.replace("ROUNDS", str(scale.rounds(3000, 300)))
        ours, bare = here.answer(code, environment)
    return Figure(
        checks=[ratio("`ensure_running()`", ours, bare, LIMIT)],
        series={
            "`ensure_running()`": summary(ours, "ms"),
            "bare-socket GET of health": summary(bare, "ms"),
        },
    )
