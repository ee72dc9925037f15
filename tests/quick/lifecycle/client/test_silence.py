"""That a worker is silent is remembered of its very address, until it is forgotten."""

import os
from pathlib import Path

from incumbent.lifecycle.client import silence
from incumbent.lifecycle.settings import Worker


def test_nobody_is_silent_unheard(worker: Worker):
    assert silence.noted(worker) is False


def test_what_was_noted_is_known_until_it_is_forgotten(worker: Worker):
    silence.note(worker)
    assert silence.noted(worker) is True
    silence.forget(worker)
    assert silence.noted(worker) is False
    assert os.listdir(worker.data_dir) == []


def test_the_silence_of_one_address_is_not_anothers(worker: Worker):
    silence.note(worker)
    worker.port += 1
    assert silence.noted(worker) is False
    worker.port -= 1
    worker.host = "::1"
    assert silence.noted(worker) is False
    silence.note(worker)
    assert Path(worker.path("silent")).read_text() == f"[::1]:{worker.port}\n"


def test_what_was_never_noted_is_forgotten_in_vain(worker: Worker):
    silence.forget(worker)
    assert os.listdir(worker.data_dir) == []


def test_where_it_cannot_be_noted_it_is_not(worker: Worker):
    os.rmdir(worker.data_dir)
    silence.note(worker)
    assert silence.noted(worker) is False
