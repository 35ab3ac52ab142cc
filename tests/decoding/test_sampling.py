import numpy as np
import torch
from scipy.stats import chisquare

from rast_eval.decoding.sampling import UniformStream, draw
from rast_eval.types import Sampling


def test_greedy_takes_the_first_of_equals():
    assert draw(torch.tensor([[0.0, 2.0, 2.0]]), Sampling(0.0)).tolist() == [1]


def test_frequencies_follow_temperature_and_nucleus():
    logits = torch.tensor([1.5, 0.0, 0.9, -2.0, 0.4])
    sampling = Sampling(temperature=0.8, top_p=0.9)
    p = torch.softmax(logits / 0.8, -1).double()
    order = p.argsort(descending=True)
    kept = order[: int((p[order].cumsum(0) < 0.9).sum()) + 1]
    exact = torch.zeros_like(p).index_copy(0, kept, p[kept] / p[kept].sum())
    uniforms = torch.from_numpy(np.random.default_rng(0).random(40_000))
    drawn = draw(logits.expand(40_000, -1), sampling, uniforms)
    counts = torch.bincount(drawn, minlength=5).double()
    assert counts[exact == 0].sum() == 0
    assert chisquare(counts[kept], exact[kept] * 40_000).pvalue > 0.001


def test_the_ends_of_the_unit_interval_are_possible_tokens():
    logits = torch.tensor([[0.0, 0.0, -torch.inf], [0.0, 0.0, -torch.inf]])
    edges = torch.tensor([0.0, 1.0])
    assert set(draw(logits, Sampling(1.0, 1.0), edges).tolist()) <= {0, 1}
    assert set(draw(logits, Sampling(1.0, 0.5), edges).tolist()) <= {0, 1}


def test_a_stream_is_its_seed():
    first, second = UniformStream(7), UniformStream(7)
    assert [first.next() for _ in range(130)] == [second.next() for _ in range(130)]
    assert UniformStream(8).next() != UniformStream(7).next()
