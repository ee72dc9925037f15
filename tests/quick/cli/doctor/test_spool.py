"""The doctor tells which kept events nobody is about to deliver, and why, with what to type."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from incumbent.cli.doctor.spool import spool
from incumbent.lifecycle.client.deliver import new_id
from incumbent.lifecycle.client.spool import Spool
from incumbent.lifecycle.data_dir import DataDir
from incumbent.server.spool.kept_events import KeptEvents


@pytest.fixture
def place(tmp_path: Path) -> DataDir:
    return DataDir(str(tmp_path))


def keep(place: DataDir, count: int) -> list[str]:
    folder = Spool(place.spool)
    claims = [folder.keep(b"{}") for _ in range(count)]
    for claim in claims:
        claim.let_go()
    return [claim.path for claim in claims]


def test_without_a_worker_what_waits_is_told(place: DataDir):
    keep(place, 2)
    (finding,) = spool(place, serving=False)
    assert finding.what == f"2 events are kept in {place.spool}"
    assert finding.next == "run `worker-service start`: the worker delivers them"


def test_what_a_worker_is_about_to_deliver_is_no_finding(place: DataDir):
    assert list(spool(place, serving=True)) == []
    keep(place, 1)
    assert list(spool(place, serving=True)) == []


def test_what_the_app_has_failed_at_is_told(place: DataDir):
    keep(place, 2)
    kept = KeptEvents(Spool(place.spool))
    kept.fail(kept.take(kept.waiting(), ())[0][0], "too odd")
    (finding,) = spool(place, serving=True)
    assert finding.what == f"1 event is kept in {place.spool} that the app has failed at"
    assert "`worker-service logs`" in finding.next


def test_what_is_set_aside_is_told_with_the_reason_and_the_way_back(place: DataDir):
    paths = keep(place, 5)
    folder = Spool(place.spool)
    aside = [folder.set_aside(os.path.basename(path), "too odd") for path in paths]
    *shown, more = spool(place, serving=True)
    assert [finding.what for finding in shown] == [
        f"an event is set aside in {path}: too odd" for path in aside[2:]
    ]
    assert f"`mv {aside[2]} {paths[2]}`" in shown[0].next
    assert more.what == f"2 more are set aside in {place.spool}"


def test_what_the_first_release_set_aside_has_a_way_back(place: DataDir):
    Path(place.spool).mkdir()
    path = f"{place.spool}/{1:020d}-{new_id()}.json"
    Path(f"{path}.refused").write_bytes(b"{}")
    (finding,) = spool(place, serving=True)
    assert f"`mv {path}.refused {path}`" in finding.next
