"""Asks the port who holds it: one question with a deadline."""

from __future__ import annotations

from .health import DARK, FOREIGN, NO_ADDRESS, SILENT, Health, Seen, seen_of
from .quickjson import loads
from .wire import DarkError, NoAddressError, NotHttpError, SilentError, exchange, request_bytes

PROBE_TIMEOUT_S = 1.0  # a healthy worker answers in 1 ms; `status` has 3 s for three looks


def probe(host: str, port: int, service: str, data_dir: str, timeout: float) -> Seen:
    """Give what holds the port; doubt falls on foreign, never on dark.

    `timeout` is in seconds. Never raises for what the other side does.
    """
    try:
        request = request_bytes("GET", "/api/health", host, port)
        status, body = exchange(host, port, request, timeout)
    except DarkError:
        return Seen(DARK)
    except NoAddressError as error:
        return Seen(NO_ADDRESS, None, str(error))
    except SilentError as error:
        return Seen(SILENT, None, str(error))
    except NotHttpError as error:
        return Seen(FOREIGN, None, f"a program that gives {error}")
    return classify(status, body, service, data_dir)


def classify(status: int, body: bytes, service: str, data_dir: str) -> Seen:
    """Give what an HTTP answer to the health question tells; takes any bytes."""
    if status != 200:
        return Seen(FOREIGN, None, f"an HTTP server that answers {status}")
    try:
        health = Health.from_json(loads(body))
    except (ValueError, RecursionError):
        return Seen(FOREIGN, None, "an HTTP server that is no worker")
    if health.service != service:
        return Seen(FOREIGN, None, f"the worker of another service, {health.service!r}")
    if health.data_dir != data_dir:
        return Seen(FOREIGN, None, f"a worker of another data dir, {health.data_dir}")
    return seen_of(health)
