"""Asks one worker to hand over or to shut down, over its port."""

from __future__ import annotations

import json

from ..client.http import DarkError, NotHttpError, SilentError, exchange, request_bytes
from ..drivers.ports import ACCEPTED, JOINED, MISSED, REFUSED, SHUTDOWN, UNANSWERED, Reply, Target
from ..errors import FilesError
from ..settings import Worker
from .secret import admin_token

ASK_TIMEOUT_S = 5.0


def ask(worker: Worker, what: str, target: Target, notices: list[str]) -> Reply:
    """Ask that one worker to hand over or to shut down, with our secret."""
    host, port = target.host or worker.host, target.port or worker.port
    path = "/api/admin/shutdown" if what == SHUTDOWN else "/api/admin/restart"
    body = json.dumps({"instance": target.instance, "why": what}).encode()
    try:
        token = admin_token(worker.path("token"), notices)
        headers = f"Authorization: Bearer {token}\r\n"
        request = request_bytes("POST", path, host, port, body, headers)
        status, answer = exchange(host, port, request, ASK_TIMEOUT_S)
    except DarkError:
        return Reply(MISSED, "the worker is gone")
    except SilentError as error:
        return Reply(UNANSWERED, str(error))
    except (NotHttpError, FilesError) as error:
        return Reply(REFUSED, str(error))
    return _reply(status, answer)


def _reply(status: int, answer: bytes) -> Reply:
    try:
        said = json.loads(answer)
        said = said if isinstance(said, dict) else {}
    except (ValueError, RecursionError):
        said = {}
    reason, code = str(said.get("error", "")), said.get("code")
    if status == 202:
        return Reply(JOINED if said.get("joined") is True else ACCEPTED)
    if status == 409 and code == "another-instance":
        return Reply(MISSED, reason)
    if status == 503:
        return Reply(UNANSWERED, reason)
    return Reply(REFUSED, reason or f"the worker answered {status} to the ask")
