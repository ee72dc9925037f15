"""A hosted app finds the whole of uvicorn, though the worker has loaded only parts of it."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

USES = {
    "a name of the front page": "assert callable(uvicorn.run)",
    "a name from the front page": "from uvicorn import Config, Server; assert callable(Server)",
    "the version": "assert uvicorn.__version__[0].isdigit()",
    "a module of it": "assert 'version' in uvicorn.config.LOGGING_CONFIG",
    "a module that is not loaded yet": "import uvicorn.logging; assert uvicorn.logging.logging",
    "the same class as the worker": "assert uvicorn.Config is Config is uvicorn.config.Config",
    "all that it offers": "exec('from uvicorn import *'); assert Server is uvicorn.Server",
    "from two threads": """
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(2) as threads:
    found = list(threads.map(lambda _: uvicorn.Server, range(2)))
assert found[0] is found[1]
""",
}


def ran(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd="/"
    )


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("first", ["", "import uvicorn"], ids=["behind the worker", "before it"])
def test_an_app_finds(use: str, first: str):
    code = (
        f"{first}\nfrom incumbent.server.http.uvicorn_parts import Config\n"
        f"import uvicorn\n{USES[use]}"
    )
    done = ran(code)
    assert done.returncode == 0, done.stderr


def test_what_uvicorn_does_not_have_is_not_found():
    code = "import incumbent.server.http.uvicorn_parts, uvicorn; uvicorn.no_such_thing"
    assert "AttributeError: module 'uvicorn' has no attribute 'no_such_thing'" in ran(code).stderr


def test_the_front_page_is_not_loaded_unasked():
    code = "import sys, incumbent.server.app.hosted_app; print('uvicorn.main' in sys.modules)"
    assert ran(code).stdout == "False\n"


def test_folders_to_reload_from_are_folders_all_the_same():
    code = "import pathlib; from incumbent.server.http.uvicorn_parts import Config\n"
    code += "found = Config('a:b', reload=True, reload_dirs=['/tmp']).reload_dirs\n"
    code += "assert found == [pathlib.Path('/tmp')], found"
    done = ran(code)
    assert done.returncode == 0, done.stderr


def test_the_front_page_is_loaded_when_asked():
    code = "import sys, incumbent.server.app.hosted_app, uvicorn; uvicorn.run; "
    code += "print('uvicorn.main' in sys.modules)"
    assert ran(code).stdout == "True\n"


def test_a_worker_loads_neither_uvicorns_server_nor_what_only_that_needs():
    code = "import sys, incumbent.server.app.hosted_app; "
    code += "print({'uvicorn.server', 'email.utils', 'logging.handlers'} & set(sys.modules))"
    assert ran(code).stdout == "set()\n"


LATER = {
    "the real server": "from uvicorn.server import Server, ServerState; assert Server(None)",
    "the configuring of logs": """
import logging.config
logging.config.dictConfig({'version': 1, 'handlers': {'h': {'class': 'logging.NullHandler'}}})
assert logging.config.__name__ == 'logging.config'
""",
    "what it set there itself": """
import logging.config
logging.config.dictConfigClass = 'mine'
assert callable(logging.config.dictConfig) and logging.config.dictConfigClass == 'mine'
""",
    "logs of uvicorn's own": "import uvicorn; uvicorn.Config(None).configure_logging()",
}


@pytest.mark.parametrize("code", LATER.values(), ids=LATER.keys())
def test_an_app_finds_later(code: str):
    done = ran(f"import incumbent.server.app.hosted_app\n{code}")
    assert done.returncode == 0, done.stderr
