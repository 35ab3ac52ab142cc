import math

import pytest
import torch

from rast_eval.analysis import path_coverage
from rast_eval.analysis.forcing import TeacherForcer
from rast_eval.analysis.path_coverage import PathCoverage, coverage_table, first_token_rate, mean_rate, measure
from rast_eval.config import EngineConfig
from rast_eval.types import System


def test_rate_follows_equation_2(models, path, direct):
    found = measure(TeacherForcer(chunk=9), {"base": System(models.base)}, [path])["base"][0]
    choices = direct(models.base).argmax(-1).tolist()
    n = len(path.tokens)
    assert list(found.choices) == choices
    assert found.rate == pytest.approx(sum(choices[i] == path.tokens[i] for i in range(1, n)) / (n - 1))
    assert 0 < found.rate < 1
    assert found.differing == tuple(i for i in range(n) if choices[i] != path.tokens[i])


def test_mean_is_over_paths_not_tokens():
    short, long = PathCoverage("0", (1, 2), (1, 9)), PathCoverage("1", (1,) * 101, (1,) * 101)
    assert mean_rate([short, long]).value == pytest.approx(0.5)
    alike = [PathCoverage(str(i), (1,) * 101, (1,) * (95 + i % 3) + (9,) * (6 - i % 3)) for i in range(50)]
    assert mean_rate(alike).method == "t"
    assert mean_rate(alike).half_width < 0.005
    assert math.isnan(PathCoverage("2", (1,), (1,)).rate)
    assert first_token_rate([short, PathCoverage("2", (1,), (3,))]) == 0.5
    assert coverage_table("t", {"base": [short, long]}).rows[0][3:] == ("2", "103")


@pytest.mark.vllm
@pytest.mark.slow
def test_vllm_finds_the_same_choices(models, path):
    pytest.importorskip("vllm")
    config = EngineConfig(backend="vllm", dtype="float32", max_model_len=256)
    for arm in ("base", "rast"):
        system = models.system(arm)
        forcer = TeacherForcer()
        assert (
            path_coverage.measure_with_vllm(system, [path], config)[0] == measure(forcer, {arm: system}, [path])[arm][0]
        )


@pytest.mark.vllm
@pytest.mark.slow
def test_vllm_finds_the_same_log_probabilities(models, path):
    pytest.importorskip("vllm")
    from rast_eval.decoding.vllm.engine import VLLMEngine

    rast = models.system("rast")
    engine = VLLMEngine(rast, EngineConfig(backend="vllm", dtype="float32", max_model_len=256))
    try:
        (scored,) = engine.score([(*path.prompt, *path.tokens)])
    finally:
        engine.close()
    rows = torch.cat([x["rast"] for _, x in TeacherForcer().stream_systems(path, {"rast": rast})])
    expected = rows.log_softmax(-1)[range(len(path.tokens)), list(path.tokens)].tolist()
    assert [step.token for step in scored[-len(path.tokens) :]] == list(path.tokens)
    assert [step.logprob for step in scored[-len(path.tokens) :]] == pytest.approx(expected, abs=1e-3)
