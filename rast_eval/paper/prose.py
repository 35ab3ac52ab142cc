"""Numbers that the paper states in its text, captions and pictures, outside of its tables; each once.

Source: arXiv 2506.15710 v1 and the pictures of its project page. Percent or points unless said.
"""

from __future__ import annotations

from collections.abc import Mapping

COVERAGE: Mapping[tuple[str, str], float] = {
    ("7b", "base"): 96.03,
    ("14b", "base"): 95.60,
    ("32b", "base"): 95.22,
    ("32b", "rast"): 96.37,
}
"""Path coverage rate by (base, arm): Figure 1a, and §4.2 for RAST."""

COVERAGE_CASE, COVERAGE_CASE_RATE = "test/intermediate_algebra/1454.json", 96.71
"""Figure 1b: the problem of MATH500, and the share of its path's tokens that the base leaves as they are."""

DIVERGENCE_CASE = "test/intermediate_algebra/2046.json"
"""Figure 5: the problem of MATH500."""

KL_PEAK, KL_PEAK_TOKEN, KL_ORDINARY = 837.9, "check", 1.0
"""§4.2: the largest KL between base and RAST at one token, that token, and what ordinary tokens stay below."""

LENGTHS: Mapping[str, float] = {"amc23": 1362.8, "gsm8k": 354.9}
"""Table 6, tokens an output of 7B + delta 1.5B, as far as the text repeats it."""

TABLE2_GAINS: Mapping[str, float] = {"aime24": 2.8, "amc23": 4.4, "olympiadbench": 2.3}
"""Llama-3.1-70B + delta 8B minus its base."""

TABLE3_GAIN = 4.4
"""Qwen2.5-14B-1M + delta 7B minus its base, mean of the three code benchmarks."""

ENSEMBLE = 75.6
"""Appendix E: MATH500, deltas 14B, 7B and 1.5B on 32B."""

RUN_MINUTES: Mapping[str, tuple[float, float]] = {
    "math500": (30.0, 30.0),
    "gsm8k": (30.0, 30.0),
    "aime24": (3.0, 5.0),
    "amc23": (3.0, 5.0),
}
"""§3.1: minutes a run takes on eight A6000."""

RUNS = 32
"""Samples a problem of everything that is sampled (Table 5)."""


def listed(gains: Mapping[str, float]) -> str:
    """`aime24 +2.8, amc23 +4.4`."""
    return ", ".join(f"{benchmark} {gain:+.1f}" for benchmark, gain in gains.items())


SAYS: Mapping[str, str] = {
    "Table 2": f"Llama-3.1-70B + delta 8B: {listed(TABLE2_GAINS)} points over the base",
    "Table 3": f"Qwen2.5-14B-1M + delta 7B: {TABLE3_GAIN:+.1f} points on the average of HumanEval+, MBPP+ and "
    "LiveCodeBench",
    "Table 6": f"7B + delta 1.5B: {LENGTHS['amc23']} tokens on AMC23, {LENGTHS['gsm8k']} on GSM8K",
    "Figure 1": "path coverage "
    + ", ".join(f"{base} {arm} {rate:.2f} %" for (base, arm), rate in COVERAGE.items())
    + f"; {COVERAGE_CASE_RATE} % of the tokens unchanged on {COVERAGE_CASE.removesuffix('.json')}",
    "Figure 5": f"KL(base, RAST) up to {KL_PEAK} at {KL_PEAK_TOKEN!r}, below {KL_ORDINARY:.1f} at ordinary tokens",
    "Appendix E": f"ensemble of deltas 14B, 7B and 1.5B on 32B: about {ENSEMBLE} on MATH500",
}
"""The same as sentences, by where they stand; no accuracies stand behind them."""
