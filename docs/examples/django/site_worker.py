"""A Django site as the one worker of a project."""

import sys
from functools import partial
from pathlib import Path

from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import HttpRequest, JsonResponse
from django.urls import path

from incumbent.cli import commands
from incumbent.lifecycle import Worker

__version__ = "1.0.0"
PROJECT = Path(__file__).parent
worker = partial(Worker, "site", __version__, "site_worker:app")
served = 0


def front(request: HttpRequest) -> JsonResponse:
    """Say how many requests this process has served."""
    global served
    served += 1
    return JsonResponse({"served": served, "path": request.path})


urlpatterns = [path("", front)]
settings.configure(
    ROOT_URLCONF=__name__,
    SECRET_KEY="of this example",
    ALLOWED_HOSTS=["localhost", "127.0.0.1"],
    USE_TZ=True,
)
app = get_asgi_application()


def of_this_project(data_dir: str | None = None, port: str | None = None) -> Worker:
    """Give the worker whose files are in the project: another checkout has another one."""
    return worker(data_dir=data_dir or PROJECT / ".worker", port=port)


if __name__ == "__main__":
    sys.exit(commands(of_this_project, sys.argv[1:], "python -m site_worker"))
