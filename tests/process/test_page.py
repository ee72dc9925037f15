"""The page shows the worker to whoever came by a link, to nobody else, live."""

from __future__ import annotations

import http.client
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from ..browser import Browser, executable
from ..world import World

pytestmark = pytest.mark.process

PATHS = ("/lifecycle", "/lifecycle/events", "/lifecycle/page.css", "/lifecycle/page.js")


def answered(world: World, path: str, **headers: str) -> tuple[int, dict[str, str], str]:
    connection = http.client.HTTPConnection("127.0.0.1", world.port, timeout=30)
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        given = {name.lower(): value for name, value in answer.getheaders()}
        return answer.status, given, answer.read().decode()
    finally:
        connection.close()


def link(world: World, app: Any) -> str:
    """Give the path of a fresh link."""
    done = world.command(app, "--json", "page")
    said = json.loads(done.stdout)
    assert done.returncode == 0, said
    address = f"http://127.0.0.1:{world.port}"
    assert said["link"].startswith(address)
    return str(said["link"]).removeprefix(address)


def cookie(world: World, app: Any) -> str:
    """Give the cookie that a link is exchanged for."""
    status, headers, _ = answered(world, link(world, app))
    assert (status, headers["location"]) == (303, "/lifecycle")
    return headers["set-cookie"].partition(";")[0]


def test_nobody_looks_without_a_link(world: World) -> None:
    world.ensure(world.app("1.0.0"))
    for path in (*PATHS, "/lifecycle?once=", "/lifecycle?once=9999999999.a.b"):
        status, headers, body = answered(world, path)
        assert status == 401
        assert "set-cookie" not in headers
        assert str(world.data_dir) not in body
    for forged in ("", "9999999999.a.b", "x" * 5000, "9999999999..", "\u00ff.\u00ff.\u00ff"):
        given = f"incumbent-{world.port}={forged}"
        assert answered(world, "/lifecycle", Cookie=given)[0] == 401
        assert answered(world, "/lifecycle", Authorization=f"Bearer {forged}")[0] == 401


def test_a_link_works_once(world: World) -> None:
    app = world.app("1.0.0")
    world.ensure(app)
    path = link(world, app)
    status, headers, _ = answered(world, path)
    assert status == 303
    for right in ("HttpOnly", "SameSite=Strict", "Path=/lifecycle"):
        assert right in headers["set-cookie"]
    status, headers, _ = answered(world, path)
    assert status == 401
    assert "set-cookie" not in headers


def test_a_link_of_one_worker_opens_no_other(world: World) -> None:
    app = world.app("1.0.0")
    world.ensure(app)
    path = link(world, app)
    world.restart(app)
    assert answered(world, path)[0] == 401


def test_a_session_goes_on_at_the_successor(world: World) -> None:
    app = world.app("1.0.0")
    world.ensure(app)
    given = cookie(world, app)
    pid = world.restart(app).said["pid"]
    status, headers, body = answered(world, "/lifecycle", Cookie=given)
    assert status == 200
    assert f"pid {pid}" in body
    assert "default-src 'none'" in headers["content-security-policy"]


def test_a_page_of_elsewhere_does_not_look_with_the_cookie_either(world: World) -> None:
    app = world.app("1.0.0")
    world.ensure(app)
    given = {"Cookie": cookie(world, app)}
    for path in PATHS:
        assert answered(world, path, Origin="http://evil.example", **given)[0] == 403
        assert answered(world, path, **{"Sec-Fetch-Site": "same-site"}, **given)[0] == 403


def test_the_page_only_reads(world: World) -> None:
    app = world.app("1.0.0")
    world.ensure(app)
    connection = http.client.HTTPConnection("127.0.0.1", world.port, timeout=30)
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        connection.request(method, "/lifecycle", headers={"Cookie": cookie(world, app)})
        answer = connection.getresponse()
        answer.read()
        assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")
    connection.close()


def test_where_nobody_serves_the_command_says_what_to_type(world: World) -> None:
    done = world.command(world.app("1.0.0"), "page")
    assert done.returncode == 1
    assert done.stdout == ""
    assert "run `worker-service start`" in done.stderr


def test_the_first_look_needs_no_script(world: World) -> None:
    app = world.app("1.0.0")
    world.ensure(app)
    world.restart(app)
    world.restart(world.app("2.0.0", "cannot be imported"))
    _, _, body = answered(world, "/lifecycle", Cookie=cookie(world, app))
    health = world.health()
    for said in (
        "incumbent 1.0.0 serves since",
        f"pid {health.pid} ",
        f"generation {health.generation.number} ",
        '<li class="now',
        '<li class="joint',
        'class="lit node state',
        '<b class="badge">verified</b>',
        '<b class="badge">failed</b>',
        "Version 2.0.0 was rejected",
        "no such marvel",
        "<code>worker-service restart</code>",
        "No event waits",
    ):
        assert said in body, said


def test_what_others_wrote_is_text_on_the_page(world: World) -> None:
    app = world.app("1.0.0")
    world.ensure(app)
    evil = {"machine": "worker", "run": "x", "pid": "<b>", "event": "<script>alert(1)</script>"}
    evil |= {"to": "verified", "at": "2026-01-01T00:00:00.0Z", "why": "</td><img src=x onerror=y>"}
    with open(world.data_dir / "trace.jsonl", "a") as trace:
        trace.write(json.dumps(evil) + "\n")
    _, _, body = answered(world, "/lifecycle", Cookie=cookie(world, app))
    assert "<script>alert" not in body
    assert "<img" not in body
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in body


def session(world: World, app: Any) -> dict[str, str]:
    """Give the header by which a program reads."""
    said = json.loads(world.command(app, "--json", "page", "--session").stdout)
    return {"Authorization": f"Bearer {said['session']}"}


def test_a_program_reads_metrics_and_the_journal_by_a_session_alone(world: World) -> None:
    app = world.app("1.0.0")
    world.ensure(app)
    for path in ("/api/metrics", "/api/trace", "/api/trace?follow=1"):
        status, _, body = answered(world, path)
        assert (status, json.loads(body)["code"]) == (401, "unauthorized")
    given = session(world, app)
    world.restart(app)
    _, headers, body = answered(world, "/api/metrics", **given)
    assert headers["content-type"].startswith("text/plain")
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(body)
        for sample in family.samples
    }
    assert samples["incumbent_serving",] == 1
    assert samples["incumbent_generation",] == 2
    assert samples["incumbent_journal_restarts", "verified"] == 1
    assert samples["process_resident_memory_bytes",] > 1_000_000
    _, _, body = answered(world, "/api/trace", **given)
    said = json.loads(body)
    assert said["lines"] == world.trace()
    _, _, body = answered(world, f"/api/trace?after={said['next']}", **given)
    assert json.loads(body) == {"lines": [], "next": said["next"]}


def test_the_journal_is_followed_over_http_until_the_worker_leaves(world: World) -> None:
    app = world.app("1.0.0")
    world.ensure(app)
    given = session(world, app)
    connection = http.client.HTTPConnection("127.0.0.1", world.port, timeout=60)
    connection.request("GET", "/api/trace?follow=1", headers=given)
    stream = connection.getresponse()
    world.restart(app)
    rows = [row for row in stream.read().decode().splitlines() if row.startswith("data: ")]
    connection.close()
    told = [json.loads(row.removeprefix("data: ")) for row in rows]
    assert told == world.trace()[: len(told)]
    assert "handover_asked" in [line["event"] for line in told]


# In a browser.


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    """Give a browser; without one these tests are skipped, which `-ra` shows."""
    program = executable()
    if program is None:
        pytest.skip("NOT TESTED: no Chromium here to look at the page with")
    browser = Browser(program, tmp_path / "profile")
    yield browser
    browser.close()


def test_a_restart_passes_before_ones_eyes(world: World, browser: Browser) -> None:
    app = world.app("1.0.0")
    world.ensure(app)
    browser.size(1280, 900)
    browser.open(f"http://127.0.0.1:{world.port}{link(world, app)}")
    browser.wait("document.querySelector('.lit')?.id === 'state-verified'")
    assert browser.value("location.search") == ""
    browser.value(
        "window.seen = []; new MutationObserver(() => seen.push(document.querySelector('.lit')?.id"
        ")).observe(document.body, {subtree: true, attributes: true, childList: true}); 1"
    )
    slow = world.app("1.0.1", "slow to import")
    pid = world.restart(slow).said["pid"]
    browser.wait(f"document.querySelector('#now').innerText.includes('pid {pid} ')")
    assert "state-handing-off-warming-up" in browser.value("seen")
    browser.wait("document.querySelector('.lit')?.id === 'state-verified'")
    browser.wait("document.querySelectorAll('.line .joint').length === 1")
    browser.wait("document.querySelector('#folded').innerText.includes('verified')")
    assert "1.0.1" in browser.value("document.querySelector('h1').innerText")
    assert browser.value("document.querySelector('#link').hidden")
    assert browser.errors == []


def test_a_worker_that_hangs_is_told(world: World, browser: Browser) -> None:
    app = world.app("1.0.0")
    pid = world.ensure(app).said["pid"]
    browser.open(f"http://127.0.0.1:{world.port}{link(world, app)}")
    browser.wait("document.querySelector('#wrong').innerText.includes('doctor finds nothing')")
    os.kill(pid, signal.SIGSTOP)
    try:
        browser.wait("document.querySelector('#link').innerText.includes('hangs')")
    finally:
        os.kill(pid, signal.SIGCONT)
    browser.wait("document.querySelector('#link').hidden")


def test_the_page_is_used_by_keyboard_and_told_by_a_screen_reader(
    world: World, browser: Browser
) -> None:
    app = world.app("1.0.0")
    world.ensure(app)
    world.restart(app)
    world.restart(world.app("2.0.0", "cannot be imported"))
    browser.size(420, 900, dark=True)
    browser.open(f"http://127.0.0.1:{world.port}{link(world, app)}")
    browser.wait("document.querySelectorAll('details').length === 2")
    assert browser.value("document.documentElement.scrollWidth <= 420")
    told = browser.accessible()
    for role, name in (
        ("heading", "Where it stands"),
        ("heading", "Workers of the past"),
        ("heading", "Restarts"),
        ("heading", "What is wrong"),
        ("checkbox", "only those that failed"),
        ("region", "Diagram of the worker"),
        ("link", "To the restarts"),
    ):
        assert (role, name) in told, (role, name)
    assert any("handed over in" in name for _, name in told)
    for _ in range(40):
        browser.press("Tab")
        if browser.value("document.activeElement.id") == "failed":
            break
    browser.press(" ")
    browser.wait("document.querySelector('#failed').checked")
    shown = "[...document.querySelectorAll('details')].filter(d => d.offsetHeight).length"
    assert browser.value(shown) == 1
    browser.press("Tab")
    browser.press("Enter")
    browser.wait("document.querySelector('details.failed').open")
    assert "no such marvel" in browser.value("document.querySelector('details.failed').innerText")
    assert browser.errors == []
