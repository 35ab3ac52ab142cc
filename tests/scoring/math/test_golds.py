"""Printed golds in the form in which predictions are compared with them, on every row of the published files."""

from __future__ import annotations

import hashlib

import pytest

from rast_eval.inputs import benchmarks
from rast_eval.scoring.math.normalize import normalize_gold, strip

GOLDS = {
    "math500": (500, "cdc359c7c840f887765997641a8211562e51888cdb7df2771ba7ec98294e2455"),
    "minerva": (272, "848b13757aee308eb3bc2f2ecc6d3e60d87a3e077d9c9836582b6b0992e257a4"),
    "gsm8k": (1319, "e9e14feba3f2274f7dd2280ec64afe3ed48b7cd3c819defd50f6d20e1cb317d8"),
    "olympiadbench": (675, "442f12333b6bd7ad43ff749035b9ff033fb4c54975069dd7edadebe6a6e9ad87"),
    "aime24": (30, "feed4f0fa48a5430e0794b3467ecf5a02130fdaa85f671a07d31b094174b1f73"),
    "amc23": (40, "b889a69787dea9a415902d340d4c033c2a6bd756f8bc3363ec911f0b2df978ec"),
}
"""Rows, and the SHA-256 over the normalised golds, one a line."""


@pytest.mark.parametrize(
    ("printed", "keep_units", "gold"),
    [
        (r"\frac12", False, r"\frac{1}{2}"),
        (r"x \in [-2,7]", False, "[-2,7]"),
        (r"5 m/s \leq", True, r"5m/s\le"),
        (r"10 \mathrm{~cm}", True, r"10\mathrm{~cm}"),
        ("$2$,$3$", False, "2,3"),
        (r"$\text{yes}$", False, "yes"),
        (r"10\$", False, "10"),
        (r"$\$18.90$", False, "18.90"),
        ("27.0", False, "27"),
        ("025", False, "025"),
        ("1,234", False, "1,234"),
    ],
)
def test_normalised_golds(printed, keep_units, gold):
    assert normalize_gold(printed, keep_units) == gold


@pytest.mark.parametrize("benchmark", GOLDS)
def test_every_published_gold(data_dir, benchmark):
    problems = benchmarks.load(benchmarks.get(benchmark), data_dir)
    golds = [normalize_gold(problem.gold, problem.keep_units) for problem in problems]
    assert (len(golds), hashlib.sha256("\n".join(golds).encode()).hexdigest()) == GOLDS[benchmark]
    if benchmark != "minerva":  # its golds are normalised once only
        assert [gold if gold.isdigit() else strip(gold) for gold in golds] == golds
    if benchmark == "math500":
        assert [normalize_gold(problem.metadata["answer"]) for problem in problems] == golds
        assert {
            97: "",
            96: r"1\\sqrt{19}",
            284: r"3\2\sqrt{2}",
            102: "(+5)(b+2)",
            257: "864^2",
            467: "15^2",
        }.items() <= (dict(enumerate(golds)).items())
