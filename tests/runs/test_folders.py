"""Without -o the newest folder of equal settings is continued, whatever day it is."""

from datetime import date
from pathlib import Path

import pytest
from own_runs import configure, run, write_benchmark

from rast_eval.runs import folders, plan


class Today(date):
    day_now = date(2026, 3, 1)

    @classmethod
    def today(cls):
        return cls.day_now


@pytest.fixture(autouse=True)
def midnight(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(folders, "date", Today)
    monkeypatch.setattr(Today, "day_now", date(2026, 3, 1))
    write_benchmark(tmp_path / "own")


def build(**settings):
    return plan.build(configure(Path("own"), **settings))


def root(**settings):
    return folders.default_root("tiny-m+tiny-s", {"": build(**settings)}).name


def test_yesterdays_run_of_equal_settings_is_continued(monkeypatch):
    assert root() == "2026-03-01-tiny-m+tiny-s"
    run(Path("results/2026-03-01-tiny-m+tiny-s"), Path("own"), limit=2)
    monkeypatch.setattr(Today, "day_now", date(2026, 3, 2))
    assert root() == root(n=5) == "2026-03-01-tiny-m+tiny-s"
    assert root(temperature=0.5) == "2026-03-02-tiny-m+tiny-s"
    assert root(arms=("rast",)) == "2026-03-02-tiny-m+tiny-s"


def test_the_newest_is_taken_and_other_settings_get_a_number(monkeypatch):
    for name in ("2026-02-27-tiny-m+tiny-s", "2026-02-28-tiny-m+tiny-s-2"):
        run(Path("results") / name, Path("own"), limit=1)
    assert root() == "2026-02-28-tiny-m+tiny-s-2"
    run(Path("results/2026-03-01-tiny-m+tiny-s"), Path("own"), limit=1, seed=1)
    assert root() == "2026-02-28-tiny-m+tiny-s-2"
    assert root(seed=2) == "2026-03-01-tiny-m+tiny-s-2"


def test_what_is_no_run_of_this_version_is_left_alone():
    for name, text in (("2026-03-01-tiny-m+tiny-s", '{"schema": 1}'), ("2026-03-01-tiny-m+tiny-s-2", "{")):
        Path("results", name).mkdir(parents=True)
        Path("results", name, "manifest.json").write_text(text)
    assert root() == "2026-03-01-tiny-m+tiny-s-3"


def test_a_sweep_is_found_by_its_points():
    run(Path("results/2026-02-28-sweep-tiny-m/lambda=1"), Path("own"), arms=("rast",), limit=1)
    plans = {"lambda=1": build(arms=("rast",)), "lambda=2": build(arms=("rast",), temperature=0.3)}
    assert folders.default_root("sweep-tiny-m", plans).name == "2026-02-28-sweep-tiny-m"
    assert folders.default_root("sweep-tiny-m", {"lambda=1": build()}).name == "2026-03-01-sweep-tiny-m"


def test_a_repetition_gets_a_folder_of_its_own():
    source = Path("results/2026-02-28-demo")
    assert folders.fresh_root(source).name == "2026-03-01-demo"
    Path("results/2026-03-01-demo").mkdir(parents=True)
    assert folders.fresh_root(source).name == "2026-03-01-demo-2"
