"""Takes the pictures of the page that the docs show, in four situations of a real worker.

Run as `python -m tests.docs.page_shots [FOLDER]`; it needs a Chromium.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.browser import Browser, executable
from tests.isolation import Sandbox, reserved_port
from tests.world import App, World

FOLDER = Path(__file__).parents[2] / "docs"
WIDE, NARROW = (1280, 900), (420, 1400)


def main(folder: Path) -> int:
    """Take each picture; give 0."""
    program = executable()
    if program is None:
        print("no Chromium is here", file=sys.stderr)
        return 1
    root = Path(tempfile.mkdtemp())
    port, give_back = reserved_port()
    world = World(Sandbox(root, root / "home", root / "data", port))
    world.settings |= {"INCUMBENT_NAME": "mytool"}
    browser = Browser(program, root / "browser")
    try:
        _take(world, browser, folder)
    finally:
        browser.close()
        world.close()
        give_back()
    return 0


def _take(world: World, browser: Browser, folder: Path) -> None:
    app = world.app("1.2.0")
    world.ensure(app)
    for version in ("1.2.1", "1.2.2"):
        world.restart(world.app(version))
    world.stop(app)
    app = world.app("1.2.3")
    world.ensure(app)
    world.restart(app)

    def shot(name: str, size: tuple[int, int], dark: bool, shows: str) -> None:
        browser.size(*size, dark)
        browser.wait(shows)
        browser.look(folder / f"page-{name}.png", *size, dark)

    browser.size(*WIDE)
    browser.open(_link(world, app))
    shot("calm", WIDE, False, _shown("#wrong", "doctor finds nothing"))
    slow = world.app("1.2.4", "slow to import")
    source = slow.folder / "hosted.py"
    source.write_text(source.read_text().replace("time.sleep(0.7)", "time.sleep(6)"))
    launcher = world.begin(slow, "restart")
    shot("restarting", WIDE, True, "document.querySelector('.lit')?.id.includes('warming-up')")
    world.end(launcher)
    world.restart(world.app("1.3.0", "cannot be imported"))
    shot("rejected", NARROW, False, _shown("#wrong", "was rejected"))
    _while_stopped(
        world.health().pid, lambda: shot("hung", WIDE, False, _shown("#link", "for 4 s"))
    )


def _while_stopped(pid: int, look: Callable[[], None]) -> None:
    os.kill(pid, signal.SIGSTOP)
    try:
        look()
    finally:
        os.kill(pid, signal.SIGCONT)


def _shown(where: str, text: str) -> str:
    return f"document.querySelector({where!r}).innerText.includes({text!r})"


def _link(world: World, app: App) -> str:
    return str(json.loads(world.command(app, "--json", "page").stdout)["link"])


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if sys.argv[1:] else FOLDER))
