"""Two installs of different versions converge, however their hooks meet."""

import pytest

from ..crossfire.drill import PASSES, Pass
from ..crossfire.installs import Install, installed
from ..isolation import Sandbox

pytestmark = pytest.mark.process

SHORT_S = 8.0


@pytest.fixture(scope="module")
def installs(tmp_path_factory: pytest.TempPathFactory) -> list[Install]:
    return installed(tmp_path_factory.mktemp("installs"), ("1.0.0", "1.1.0"))


@pytest.mark.parametrize("name", PASSES)
def test_stale_launchers_cost_one_recycle_and_no_event(
    sandbox: Sandbox, installs: list[Install], name: str
):
    old, new = installs
    claims = Pass(name, old, new, SHORT_S, sandbox.root, sandbox.port).run()
    assert [claim for claim in claims if claim.held is False] == []
