import math

import pytest

from rast_eval.analysis import path_coverage
from rast_eval.analysis.forcing import TeacherForcer
from rast_eval.analysis.path_coverage import PathCoverage, coverage_table, first_token_rate, mean_rate, measure
from rast_eval.config import EngineConfig, System


def test_rate_follows_equation_2(lineup, path, direct):
    found = measure(TeacherForcer([lineup.base], chunk=9), {"base": System(lineup.base)}, [path])["base"][0]
    choices = direct(lineup.base).argmax(-1).tolist()
    n = len(path.tokens)
    assert list(found.choices) == choices
    assert found.rate == pytest.approx(sum(choices[i] == path.tokens[i] for i in range(1, n)) / (n - 1))
    assert 0 < found.rate < 1
    assert found.differing == tuple(i for i in range(n) if choices[i] != path.tokens[i])


def test_mean_is_over_paths_not_tokens():
    short, long = PathCoverage("0", (1, 2), (1, 9)), PathCoverage("1", (1,) * 101, (1,) * 101)
    assert mean_rate([short, long]).value == pytest.approx(0.5)
    assert math.isnan(PathCoverage("2", (1,), (1,)).rate)
    assert first_token_rate([short, PathCoverage("2", (1,), (3,))]) == 0.5
    assert coverage_table("t", {"base": [short, long]}).rows[0][3:] == ("2", "103")


@pytest.mark.vllm
@pytest.mark.slow
def test_vllm_finds_the_same_choices(lineup, path):
    pytest.importorskip("vllm")
    config = EngineConfig(backend="vllm", dtype="float32", max_model_len=256)
    for arm in ("base", "rast"):
        system = lineup.system(arm)
        forced = measure(TeacherForcer(list(system.members)), {arm: system}, [path])[arm][0]
        assert path_coverage.measure_with_vllm(system, [path], config)[0] == forced
