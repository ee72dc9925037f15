"""Asks one worker to hand over or to shut down, over its port."""

from __future__ import annotations

from .._small_json import dumps, loads
from ..client.http import Connection, DarkError, NotHttpError, SilentError
from ..client.probe import UNPROVED, judged
from ..client.proof import ASK, PROVE_AGAIN, SCHEME, Proof, address_bytes, ask_for_proof, keyed_hash
from ..drivers.ports import ACCEPTED, JOINED, MISSED, REFUSED, SHUTDOWN, UNANSWERED, Reply, Target
from ..errors import FilesError
from ..first_edition import known
from ..settings import Worker
from .secret import admin_token, renew

ASK_TIMEOUT_S = 5.0


def ask(worker: Worker, what: str, target: Target, notices: list[str]) -> Reply:
    """Ask that one worker to hand over or to shut down, on the connection where it proves itself.

    A worker of 0.1, known by the kernel, is asked with the secret, which is a new one afterwards.
    """
    host, port = target.host or worker.host, target.port or worker.port
    path = "/api/admin/shutdown" if what == SHUTDOWN else "/api/admin/restart"
    body = dumps({"instance": target.instance, "why": what}).encode()
    secret_path = worker.path("token")
    try:
        secret = admin_token(secret_path, notices)
        connection = Connection(host, port, ASK_TIMEOUT_S)
        try:
            proof = ask_for_proof(connection, secret)
            headers = ""
            if proof.nonce:
                fields = path.encode(), address_bytes(connection.there), proof.nonce.encode(), body
                headers = f"Authorization: {SCHEME} {keyed_hash(secret, ASK, *fields)}\r\n"
            elif _is_first_edition(worker, host, port, proof):
                headers = f"Authorization: Bearer {secret}\r\n"
            else:
                return Reply(REFUSED, UNPROVED)
            status, _, answer = connection.ask("POST", path, body, headers)
        finally:
            connection.close()
        if not proof.nonce and status == 202:
            renew(secret_path)
    except DarkError:
        return Reply(MISSED, "the worker is gone")
    except SilentError as error:
        return Reply(UNANSWERED, str(error))
    except (NotHttpError, FilesError) as error:
        return Reply(REFUSED, str(error))
    return _reply(status, answer)


def _is_first_edition(worker: Worker, host: str, port: int, proof: Proof) -> bool:
    seen = judged(proof, worker.name, worker.data_dir)
    return known(worker, host, port, seen).health is not None


def _reply(status: int, answer: bytes) -> Reply:
    try:
        said = loads(answer)
        said = said if isinstance(said, dict) else {}
    except (ValueError, RecursionError):
        said = {}
    reason, code = str(said.get("error", "")), said.get("code")
    if status == 202:
        return Reply(JOINED if said.get("joined") is True else ACCEPTED)
    if status == 409 and code == "another-instance":
        return Reply(MISSED, reason)
    if status == 503 or code == PROVE_AGAIN:
        return Reply(UNANSWERED, reason)
    return Reply(REFUSED, reason or f"the worker answered {status} to the ask")
