"""Asks the port who holds it: one question with a deadline."""

from .._small_json import loads
from ..health import DARK, FOREIGN, NO_ADDRESS, SILENT, Health, ProbeResult, result_of
from .http import (
    AnotherUserError,
    Connection,
    DarkError,
    NoAddressError,
    NotHttpError,
    SilentError,
)
from .proof import Proof, ask_for_proof, secret_of

PROBE_TIMEOUT_S = 1.0  # a healthy worker answers in 1 ms; `status` has 3 s for three looks
UNPROVED = "a program that calls itself our worker and does not prove it"


def probe(host: str, port: int, service: str, data_dir: str, timeout: float) -> ProbeResult:
    """Give what holds the port; doubt falls on foreign, never on dark.

    `timeout` is in seconds. Never raises for what the other side does.
    """
    secret = secret_of(data_dir)
    seen = _seen(host, port, service, data_dir, secret, timeout)
    if seen.kind == FOREIGN and (renewed := secret_of(data_dir)) != secret:
        return _seen(host, port, service, data_dir, renewed, timeout)
    return seen


def _seen(
    host: str, port: int, service: str, data_dir: str, secret: str, timeout: float
) -> ProbeResult:
    try:
        connection = Connection(host, port, timeout)
        try:
            proof = ask_for_proof(connection, secret, last=True)
        finally:
            connection.close()
    except DarkError:
        return ProbeResult(DARK)
    except NoAddressError as error:
        return ProbeResult(NO_ADDRESS, None, str(error))
    except SilentError as error:
        return ProbeResult(SILENT, None, str(error))
    except AnotherUserError as error:
        return ProbeResult(FOREIGN, None, error.who)
    except NotHttpError as error:
        return ProbeResult(FOREIGN, None, f"a program that gives {error}")
    return judged(proof, service, data_dir)


def judged(proof: Proof, service: str, data_dir: str) -> ProbeResult:
    """Give what an answer to the health question tells; takes any bytes.

    Who says that it is our worker and has not proved it is foreign, with its `claim`.
    """
    if proof.status != 200:
        return ProbeResult(FOREIGN, None, f"an HTTP server that answers {proof.status}")
    said: object = None
    try:
        said = loads(proof.body)
        health = Health.from_json(said)
    except (ValueError, RecursionError):
        return ProbeResult(FOREIGN, None, _stranger(said, service))
    if health.service != service:
        return ProbeResult(FOREIGN, None, f"the worker of another service, {health.service!r}")
    if health.data_dir != data_dir:
        return ProbeResult(FOREIGN, None, f"a worker of another data dir, {health.data_dir}")
    if not proof.nonce:
        return ProbeResult(FOREIGN, None, UNPROVED, health)
    return result_of(health)


def _stranger(said: object, service: str) -> str:
    """Name who does not tell all; a worker does not to who does not share its secret."""
    told = said if isinstance(said, dict) else {}
    theirs, pid = told.get("service"), told.get("pid")
    if not isinstance(theirs, str) or type(pid) is not int or pid <= 0:
        return "an HTTP server that is no worker"
    if theirs != service:
        return f"the worker of another service, {theirs!r} (pid {pid})"
    return f"a worker of another data dir, or who passes for one (pid {pid})"
