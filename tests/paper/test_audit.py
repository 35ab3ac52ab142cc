import csv
import json
import math
import random
from pathlib import Path

import pytest

from rast_eval.inputs import benchmarks, resources
from rast_eval.paper import prose, show
from rast_eval.paper.audit import run_audit
from rast_eval.paper.contradictions import contradictions
from rast_eval.paper.published import Printed
from rast_eval.paper.recompute import PROBLEMS, recovery_bounds
from rast_eval.report.table import markdown_table


def test_bounds_hold_every_value_that_rounds_to_the_printed_ones():
    rng = random.Random(0)
    for _ in range(200):
        base, rast, rl = rng.uniform(0, 60), rng.uniform(0, 100), rng.uniform(61, 100)
        _, low, high = recovery_bounds(*(Printed(round(x, 1), 0.05) for x in (rast, base, rl)))
        assert low <= 100 * (rast - base) / (rl - base) <= high


def test_bounds_are_tight():
    recomputed, low, high = recovery_bounds(Printed(25.1, 0.05), Printed(21.0, 0.05), Printed(33.6, 0.05))
    assert recomputed == pytest.approx(100 * 4.1 / 12.6)
    assert low == pytest.approx(100 * (25.05 - 21.05) / (33.65 - 21.05))
    assert high == pytest.approx(100 * (25.15 - 20.95) / (33.55 - 20.95), abs=0.01)


def test_a_gap_that_rounding_may_close_bounds_nothing():
    recomputed, low, high = recovery_bounds(Printed(50.0, 0.05), Printed(40.0, 0.05), Printed(40.1, 0.05))
    assert recomputed == pytest.approx(10000)
    assert (low, high) == (-math.inf, math.inf)
    assert math.isnan(recovery_bounds(Printed(50.0, 0.05), Printed(40.0, 0.05), Printed(40.0, 0.05))[0])


def test_errata_of_table_1_by_a_direct_reading_of_the_file():
    with (resources.folder("results/paper") / "table1.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    expected = []
    for row in rows:
        if row["system"] != "rast":
            continue
        arms = {r["system"]: r for r in rows if r["base"] == row["base"] and r["system"] != "rast"}
        for key in (k for k in row if k.endswith("_rr")):
            average = key.replace("_rr", "_avg")
            base, rl = float(arms["base"][average]), float(arms["rl"][average])
            # an accuracy is within .05 of its print: no rate moves by more than this
            rate = 100 * (float(row[average]) - base) / (rl - base)
            reach = 100 * 0.1 * (1 + abs(rate) / 100) / (rl - base - 0.1)
            if abs(rate - float(row[key])) > reach + 0.05:
                expected.append((row["base"], row["delta"], key.removesuffix("_rr")))
    found = [(e.base, e.delta, e.benchmark) for e in run_audit().errata if e.table == "Table 1"]
    assert found == expected
    assert ("32b", "1.5b", "minerva") in found


def test_audit_counts_and_names():
    audit = run_audit()
    assert audit.checked == 36 + 3 + 3 + 1
    minerva = next(e for e in audit.errata if e.benchmark == "minerva")
    assert (minerva.printed, minerva.recomputed) == (84.1, 32.54)
    assert minerva.low < minerva.recomputed < minerva.high < minerva.printed
    for where in ("Table 2", "Table 3", "Table 6", "Appendix E"):
        assert any(line.startswith(where) for line in audit.unchecked)


@pytest.mark.parametrize(
    "told",
    [
        "95.3 in Table 1, 95.6 in Figure 4",
        "112 GB for one model, 336 GB for three",
        "62.9 % is no share of 500 outputs",
        "delta 1.5B",
        "837.9 is then 0.127 nats",
        "24 of the 26 printed values are multiples of 1/5,000",
        "lower at 7 of 24 points",
        "91.9 is the RL ceiling of 7B on GSM8K",
        "26.9 on 32b, 37.0 on 14b, 45.0 on 7b",
        "5 to 13 points above Table 1",
        "14b takes 160 GB on 8x80GB as the ceiling of 14b + delta 7b; 32b + delta 14b",
    ],
)
def test_contradictions_carry_their_numbers(told):
    assert told in "\n".join(contradictions())


def test_a_rate_that_agrees_in_both_places_is_no_contradiction():
    assert "94.4" not in "\n".join(contradictions())


def test_what_the_released_code_does_names_its_file():
    facts = run_audit().released
    assert all(fact.where and fact.paper and fact.code and fact.file for fact in facts)
    told = {fact.where: fact.code for fact in facts}
    assert "Llama-3.1-70B-Instruct, 5 runs" in told["Table 2"]
    assert "10 runs" in told["Figure 6"]


def test_the_paper_s_cases_are_problems_of_math500(data_dir):
    """The pinned ids, and the number of problems of every benchmark that the audit counts with."""
    rows = [json.loads(line) for line in (data_dir / "math500.jsonl").open()]
    assert {prose.COVERAGE_CASE, prose.DIVERGENCE_CASE} <= {row["unique_id"] for row in rows}
    assert {name: benchmarks.get(name).count for name in PROBLEMS} == PROBLEMS


def test_the_documentation_has_the_released_facts_as_the_code_states_them():
    page = (Path(__file__).parents[2] / "docs/reproducing.md").read_text(encoding="utf-8")
    assert markdown_table(show.released()).strip() in page
