"""A run says what it wrote into the record, and why."""

from pathlib import Path

import pytest

from incumbent.lifecycle.posix.registration import Registration
from incumbent.lifecycle.record import Build, Record, rejected
from incumbent.lifecycle.record_format import encoded
from incumbent.lifecycle.record_store import RecordStore
from incumbent.lifecycle.settings import Worker

BUILD = Build("1.0.0", "app:app", "python")


@pytest.fixture
def registration(worker: Worker) -> Registration:
    return Registration(worker, RecordStore(worker, []), [])


def test_a_run_that_settles_for_an_older_version_says_why(
    worker: Worker, registration: Registration
):
    its = rejected(Record(worker.name), BUILD, "it failed", False, 1.0)
    Path(worker.path("launch.json")).write_bytes(encoded(its))
    [sentence] = registration.why_older("0.9", "1.0.0")
    assert sentence.startswith("version 1.0.0 was rejected (it failed); using the worker there is.")
    assert registration.why_older("1.0.0", "1.0.0") == []
    assert registration.why_older("0.9", "") == []
    assert registration.why_older("0.9", "0.9.5") == []
