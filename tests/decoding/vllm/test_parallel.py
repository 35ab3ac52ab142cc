"""Two tensor-parallel workers and two replicas give the tokens of one engine; λ reaches all of them."""

from __future__ import annotations

import random
from dataclasses import replace
from importlib.util import find_spec

import pytest

pytest.importorskip("vllm")

from rast_eval.config import EngineConfig
from rast_eval.decoding.engine import make_engine
from rast_eval.errors import UsageError
from rast_eval.types import Delta, ModelRef, Request, Sampling, System

pytestmark = [pytest.mark.vllm, pytest.mark.slow]

GREEDY = Sampling(temperature=0.0, top_p=1.0, max_tokens=24)


@pytest.fixture(scope="module")
def trio(random_checkpoint):
    """Heads of 512 and 416 rows, which two workers can add up shard by shard only if both are padded alike."""
    base = random_checkpoint("qwen2", 1, width=128, layers=2, heads=4, kv=2, vocab=512, tied=False)
    small = {"width": 64, "layers": 2, "heads": 2, "kv": 2, "vocab": 416, "tied": True}
    return base, random_checkpoint("qwen2", 2, **small), random_checkpoint("qwen2", 3, **small)


def system_of(trio, weight):
    base, expert, antiexpert = (ModelRef(str(folder)) for folder in trio)
    return System(base, (Delta(expert, antiexpert, weight),))


WITH_RAY = pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed")


@pytest.mark.parametrize(
    "parallel", [{"tensor_parallel_size": 2}, pytest.param({"data_parallel_size": 2}, marks=WITH_RAY)]
)
def test_parallel_engines_equal_the_plain_loop(parallel, trio, greedy_oracle):
    draw = random.Random(3)
    rows = [tuple(draw.randrange(2, 400) for _ in range(draw.randrange(3, 40))) for _ in range(8)]
    requests = [Request(str(index), 0, row, seed=index) for index, row in enumerate(rows)]
    engine = make_engine(system_of(trio, 1.0), EngineConfig(backend="vllm", dtype="float32", **parallel))
    try:
        for weight in (1.0, 0.3):
            engine.reweight(system_of(trio, weight))
            outputs = {int(c.problem_id): c.token_ids for c in engine.generate(requests, GREEDY, [], [])}
            deltas = [(trio[1], trio[2], weight)]
            expected = [tuple(greedy_oracle(trio[0], deltas, list(row), 24)) for row in rows]
            assert [outputs[index] for index in range(len(rows))] == expected
    finally:
        engine.close()


def test_pipeline_stages_are_refused_on_a_cpu(trio):
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("the refusal is for CPUs")
    config = EngineConfig(backend="vllm", dtype="float32")
    with pytest.raises(UsageError, match="pipeline"):
        make_engine(system_of(trio, 1.0), replace(config, pipeline_parallel_size=2))
