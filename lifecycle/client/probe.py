"""Asks the port who holds it: one question with a deadline."""

from .._small_json import loads
from ..health import DARK, FOREIGN, NO_ADDRESS, SILENT, Health, ProbeResult, result_of
from .http import (
    AnotherUserError,
    DarkError,
    NoAddressError,
    NotHttpError,
    SilentError,
    exchange,
    request_bytes,
)

PROBE_TIMEOUT_S = 1.0  # a healthy worker answers in 1 ms; `status` has 3 s for three looks


def probe(host: str, port: int, service: str, data_dir: str, timeout: float) -> ProbeResult:
    """Give what holds the port; doubt falls on foreign, never on dark.

    `timeout` is in seconds. Never raises for what the other side does.
    """
    try:
        request = request_bytes("GET", "/api/health", host, port)
        status, body = exchange(host, port, request, timeout)
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
    return classify(status, body, service, data_dir)


def classify(status: int, body: bytes, service: str, data_dir: str) -> ProbeResult:
    """Give what an HTTP answer to the health question tells; takes any bytes."""
    if status != 200:
        return ProbeResult(FOREIGN, None, f"an HTTP server that answers {status}")
    try:
        health = Health.from_json(loads(body))
    except (ValueError, RecursionError):
        return ProbeResult(FOREIGN, None, "an HTTP server that is no worker")
    if health.service != service:
        return ProbeResult(FOREIGN, None, f"the worker of another service, {health.service!r}")
    if health.data_dir != data_dir:
        return ProbeResult(FOREIGN, None, f"a worker of another data dir, {health.data_dir}")
    return result_of(health)
