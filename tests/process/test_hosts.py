"""The real hosts, where they are installed: each event of a session recorded once, none failed."""

from __future__ import annotations

import pytest

from ..hosts import drill
from ..world import World

pytestmark = pytest.mark.process


@pytest.mark.parametrize("name", drill.PROGRAMS)
def test_a_session_of_a_host_brings_each_event_once(world: World, name: str):
    if not drill.is_installed(name):
        pytest.skip(f"{name} is not installed: `make drill-hosts` installs and tries it")
    seen = drill.run(name, world.sandbox.root / "host", world.port)
    assert drill.wrongs(name, seen) == []
