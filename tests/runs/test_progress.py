import pytest

from rast_eval.runs import progress
from rast_eval.runs.progress import Progress


class Clock:
    now = 0.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    return clock


def test_a_log_tells_the_time_left_of_the_cell_and_of_all_cells(clock, capsys):
    shown = Progress(missing=40)
    with shown.cell("base on sums", total=20, done=10):
        for _ in range(10):
            clock.now += 6
            shown.advance(tokens=60)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "base on sums: 14/20 samples, 10 tok/s, 0:00:36 left; all cells: 4/40 new samples, 0:03:36 left"
    assert lines[-1] == "base on sums: 20/20 samples, 10 tok/s, 0:01:00; all cells: 10/40 new samples, 0:03:00 left"
    clock.now += 3600 - 60  # loading and grading count too
    with shown.cell("rl on sums", total=30):
        shown.advance(tokens=1)
    assert "all cells: 11/40 new samples, 2:38:11 left" in capsys.readouterr().err


def test_an_interrupted_cell_says_nothing_more(clock, capsys):
    with pytest.raises(KeyboardInterrupt):
        _interrupted(Progress(missing=1))
    assert capsys.readouterr().err == ""


def _interrupted(shown):
    with shown.cell("base on sums", total=1):
        raise KeyboardInterrupt
