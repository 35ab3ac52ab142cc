"""Cards as a driver's own tool tells them, and a driver that cannot be used."""

from __future__ import annotations

import os

import pytest

from rast_eval import machine
from rast_eval.errors import BackendError

TWO_CARDS = """\
0, GPU-aa11, NVIDIA H100 80GB HBM3, 81559, 81000, 9.0, 580.65.06
1, GPU-bb22, NVIDIA RTX A5000, 24564, 20000, 8.6, 580.65.06
"""


@pytest.fixture
def driver(tmp_path, monkeypatch):
    """Put a tool on the PATH that prints `text` and ends with `code`."""

    def install(text, code=0):
        tool = tmp_path / "nvidia-smi"
        tool.write_text(f"#!/bin/sh\ncat <<'END'\n{text}\nEND\nexit {code}\n")
        tool.chmod(0o755)
        machine.cards.cache_clear()

    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    yield install
    machine.cards.cache_clear()


def test_cards_are_read(driver):
    driver(TWO_CARDS)
    first, second = machine.cards()
    assert (first.name, first.total, first.free) == ("NVIDIA H100 80GB HBM3", 81559 << 20, 81000 << 20)
    assert (second.capability, second.driver) == ((8, 6), "580.65.06")
    assert machine.card_bytes() == 24564 << 20


@pytest.mark.parametrize(
    ("named", "indices"), [("1", [1]), ("1,0", [1, 0]), ("GPU-bb", [1]), ("", []), ("-1", []), ("0,7,1", [0])]
)
def test_visible_devices_are_honoured(driver, monkeypatch, named, indices):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", named)
    driver(TWO_CARDS)
    assert [card.index for card in machine.cards()] == indices


@pytest.mark.parametrize(
    ("text", "code"),
    [("NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.", 9), ("no such table", 0)],
)
def test_a_driver_that_does_not_answer_is_named(driver, text, code):
    driver(text, code)
    with pytest.raises(BackendError, match="NVIDIA driver of this machine cannot be used") as caught:
        machine.cards()
    assert code == 0 or "couldn't communicate" in caught.value.message
    assert "nvidia-smi" in caught.value.hint


def test_a_driver_without_cards_is_no_error(driver):
    driver("No devices were found", 6)
    assert machine.cards() == ()
    assert machine.card_bytes() is None


def test_the_disk_of_a_folder_that_is_not_there_yet(tmp_path):
    assert machine.existing_parent(tmp_path / "a" / "b") == tmp_path
    assert machine.free_disk(tmp_path / "a" / "b") == machine.free_disk(tmp_path)


@pytest.mark.parametrize(("count", "text"), [(124.6e9, "124.6 GB"), (3.1e6, "3.1 MB"), (2500, "2.5 kB"), (12, "12 B")])
def test_sizes_for_people(count, text):
    assert machine.shown_bytes(count) == text
