"""Our own programs and pages are let in; a foreign page is not, whatever it looks like."""

import pytest

from incumbent.server.http.admission import Admission, names_of

PORT = 20001
HOST = (b"host", b"127.0.0.1:20001")


def refused(*headers: tuple[bytes, bytes], path: str = "/", port: int = PORT) -> str:
    """Give the code of the refusal; nothing for a request that is let in."""
    refusal = Admission(names_of("127.0.0.9", port)).refusal(path, headers)
    return refusal.code if refusal else ""


NAMES = [b"127.0.0.1", b"localhost", b"[::1]", b"127.0.0.9"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("port", [b":20001", b""])
def test_a_loopback_name_is_let_in(name, port):
    assert refused((b"host", name + port)) == ""
    assert refused((b"host", name.upper() + port)) == ""


FOREIGN_NAMES = [
    b"",
    b"evil.example",
    b"evil.example:20001",
    b"localhost.:20001",
    b"localhost.",
    b"127.0.0.1.:20001",
    b"127.0.0.1.evil.example:20001",
    b"127.0.0.1:20002",
    b"127.0.0.1:020001",
    b"127.0.0.1:",
    b"127.1:20001",
    b"0.0.0.0:20001",
    b"::1",
    b"user@localhost:20001",
    b"localhost:20001,evil.example",
    b"localhost:20001 evil.example",
    b"localhost%00:20001",
    b"http://localhost:20001",
]


@pytest.mark.parametrize("name", FOREIGN_NAMES)
def test_a_foreign_name_is_not_let_in(name):
    assert refused((b"host", name)) == "foreign-host"


def test_a_request_without_a_name_is_not_let_in():
    assert refused() == "foreign-host"


@pytest.mark.parametrize("second", [HOST, (b"host", b"evil.example"), (b"host", b"")])
def test_two_names_are_not_let_in_even_if_both_are_ours(second):
    assert refused(HOST, second) == "foreign-host"
    assert refused(second, HOST) == "foreign-host"


@pytest.mark.parametrize("name", NAMES)
def test_a_page_of_ours_is_let_in(name):
    assert refused(HOST, (b"origin", b"http://" + name + b":20001")) == ""


FOREIGN_ORIGINS = [
    b"",
    b"null",
    b"http://evil.example",
    b"http://evil.example:20001",
    b"http://127.0.0.1",  # a page on port 80
    b"http://127.0.0.1:20002",
    b"https://127.0.0.1:20001",
    b"ws://127.0.0.1:20001",
    b"file://",
    b"http://127.0.0.1:20001/",
    b"http://127.0.0.1:20001.evil.example",
    b"http://localhost.:20001",
    b"http://user@localhost:20001",
    b"http://127.0.0.1:20001 http://evil.example",
    b"http://127.0.0.1:20001, http://evil.example",
    b"127.0.0.1:20001",
    b"moz-extension://127.0.0.1:20001",
]


@pytest.mark.parametrize("origin", FOREIGN_ORIGINS)
def test_a_foreign_page_is_not_let_in(origin):
    assert refused(HOST, (b"origin", origin)) == "foreign-origin"
    assert refused((b"origin", origin), HOST, (b"sec-fetch-site", b"none")) == "foreign-origin"


@pytest.mark.parametrize("second", [b"http://127.0.0.1:20001", b"null"])
def test_two_origins_are_not_let_in(second):
    ours = (b"origin", b"http://127.0.0.1:20001")
    assert refused(HOST, ours, (b"origin", second)) == "foreign-origin"
    assert refused(HOST, (b"origin", second), ours) == "foreign-origin"


def test_on_port_80_a_page_of_ours_names_no_port():
    host = (b"host", b"localhost")
    assert refused(host, (b"origin", b"http://localhost"), port=80) == ""
    assert refused(host, (b"origin", b"http://localhost:8080"), port=80) == "foreign-origin"


@pytest.mark.parametrize("site", [b"same-origin", b"none"])
def test_what_nobody_elses_page_began_is_let_in(site):
    assert refused(HOST, (b"sec-fetch-site", site)) == ""


SITES = [b"cross-site", b"same-site", b"", b"None", b"same-origin, cross-site", b"new-in-2030"]


@pytest.mark.parametrize("site", SITES)
def test_what_another_page_began_is_not_let_in(site):
    assert refused(HOST, (b"sec-fetch-site", site)) == "foreign-site"
    ours = (b"origin", b"http://127.0.0.1:20001")
    assert refused(HOST, ours, (b"sec-fetch-site", site)) == "foreign-site"


@pytest.mark.parametrize("second", [b"none", b"same-origin", b"cross-site"])
def test_two_sites_are_not_let_in(second):
    sites = (b"sec-fetch-site", b"none"), (b"sec-fetch-site", second)
    assert refused(HOST, *sites) == "foreign-site"
    assert refused(HOST, *reversed(sites)) == "foreign-site"


@pytest.mark.parametrize("path", ["/", "//api/events", "/api/admin/../x", "/%2e%2e", "*"])
def test_any_path_is_let_in(path):
    assert refused(HOST, path=path) == ""


@pytest.mark.parametrize("path", ["", "http://evil.example/", "evil.example:443", "api/health"])
def test_a_target_that_is_no_path_is_not_let_in(path):
    assert refused(HOST, path=path) == "foreign-target"
