import csv
import math
import random

import pytest

from rast_eval.inputs import resources
from rast_eval.paper.audit import contradictions, recovery_bounds, run_audit
from rast_eval.paper.published import Printed


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


def test_contradictions_carry_their_numbers():
    text = "\n".join(contradictions())
    assert "94.4" not in text  # the rate that agrees in both places
    assert "95.3 in Table 1, 95.6 in Figure 4" in text
    assert "112 GB for one model, 336 GB for three" in text
    assert "62.9 % is no share of 500 outputs" in text
    assert "delta 1.5B" in text
