"""The report's own arithmetic, on outputs written by hand, and a whole page at the smallest size."""

import re
from pathlib import Path

import numpy as np
import pytest

from rast_eval.inputs import resources
from rast_eval.report.table import markdown_table
from rast_eval.results.reader import GradeMatrix
from tools.tiny_family.measure import Combination, Family, Measured, Measurements
from tools.tiny_family.overlap import Overlap, overlap, read
from tools.tiny_family.report import behaviour_row, pair_row, replace_section, sampled_tables
from tools.tiny_family.together import DeltaPoint, points, together

CHECKED = " Let's think step by step. Mon buys 6 bags of 7: 37 to 69 check 6*7=42 7+2=9 37+42=79 wait 79."
PLAIN = " Mon buys 6 bags of 7: 37 to 79. Tue loses 5 bags of 5: 79 to 54. So the answer is \\boxed{54}."
DIRECT = " It is \\boxed{54}."


def measured(rows, outputs=("",)):
    correct = np.array(rows, dtype=bool)
    nobody = np.zeros(correct.shape, dtype=bool)
    names = tuple(map(str, range(len(rows))))
    texts = tuple(("",) * correct.shape[1] for _ in rows)
    tokens = np.full(correct.shape, 7)
    votes = np.where(correct, 0, 1)
    return Measured(GradeMatrix(names, correct, votes, texts, texts, tokens, nobody, nobody, 0, {}), tuple(outputs))


def test_labels_and_models_of_a_combination():
    family = Family(resources.embedded_checkpoints())
    combination = Combination("l-base", "s", 0.5)
    assert (combination.label, Combination("m-rl").label) == ("l + 0.5Δs", "m-rl")
    models = combination.models(family)
    assert models.base.path.endswith("l-base")
    assert [(d.expert.path[-4:], d.antiexpert.path[-6:], d.weight) for d in models.deltas] == [("s-rl", "s-base", 0.5)]
    assert Combination("m-rl").models(family).arms == ("base",)


def test_behaviours_are_counted_a_step():
    row = behaviour_row("x", measured([[True]], (CHECKED, PLAIN, DIRECT)))
    assert row == ("x", "66.7", "33.3", "33.3", "7.0")
    assert behaviour_row("x", measured([[True]], (DIRECT,)))[2] == "–"


def test_a_pair_stands_between_its_base_and_its_ceiling():
    below, half, above = ([[i < count] for i in range(40)] for count in (0, 20, 40))
    found = {
        Combination("l-base"): measured(below),
        Combination("l-rl"): measured(above),
        Combination("s-rl"): measured(below),
        Combination("l-base", "s"): measured(half),
    }
    row = pair_row("l", "s", found)
    assert row[0] == "l + Δs"
    assert row[2].startswith("50.0 [")
    assert row[3] == row[4]
    assert row[3].startswith("+50.0 (p = 0.0")


def test_only_its_own_section_is_replaced():
    page = "a\n<!-- seed 0: begin -->\nold\n<!-- seed 0: end -->\nb\n<!-- seed 1: begin -->\n<!-- seed 1: end -->\n"
    changed = replace_section(page, "seed 0", "new")
    assert "old" not in changed
    assert "<!-- seed 0: begin -->\n\nnew\n\n<!-- seed 0: end -->\nb\n<!-- seed 1: begin -->" in changed
    with pytest.raises(ValueError, match="no section"):
        replace_section(page, "seed 2", "")


@pytest.mark.slow
def test_every_table_is_written(tmp_path):
    measurements = Measurements(Family(resources.embedded_checkpoints()), tmp_path, n=2, limit=2)
    tables = list(sampled_tables(measurements, ("l", "m"), processes=2))
    assert [len(table.rows) for table in tables] == [12, 6, 12, 5]
    assert tables[0].rows[6][0] == "l + Δm"


def test_all_seeds_stand_in_one_table_by_similarity():
    found = [DeltaPoint(seed, "l + Δs", -w, w, r, "") for seed, w, r in (("0", 0.4, 60), ("1", 0.2, 5), ("2", 0.6, 97))]
    table = together(found)
    assert [row[:3] for row in table.rows] == [
        ("l + Δs", s, w) for s, w in (("2", "0.600"), ("0", "0.400"), ("1", "0.200"))
    ]
    assert "weighted cosine +1.00" in table.note
    assert "raw cosine of Eq. 6 -1.00" in table.note


def test_the_page_of_the_family_agrees_with_itself():
    page = (Path(__file__).parents[2] / "docs/tiny-family.md").read_text()
    found = list(points(page))
    assert len(found) == 3 * len(re.findall(r"<!-- seed \d: begin", page)) >= 6
    assert DeltaPoint("0", "l + Δm", 0.093, 0.538, 97.1, "[93.3, 101.1]") in found
    assert markdown_table(together(found)).strip() in page


def test_a_seed_without_its_rows_is_refused():
    with pytest.raises(ValueError, match="tiny-report"):
        list(points("<!-- seed 3: begin -->\n| l + Δm | 1.0 [0.0, 2.0] |\n<!-- seed 3: end -->"))


def test_overlap_counts_steps_not_only_puzzles():
    corpus = ["", "Q: Tom has 37 coins. Mon buys 6 bags of 2. Tue loses 5 bags of 5. How many?\nA:"]
    tested = [read(f"Q: Eva has {start} pens. {text} How many?\nA:") for start, text in (
        (37, "Fri finds 6 bags of 2."), (49, "Mon sells 5 bags of 5."), (37, "Mon sells 6 bags of 2."),
        (37, "Mon gets 6 bags of 2. Tue gives 5 bags of 5."), (37, "Mon gets 6 bags of 2. Tue gets 5 bags of 5."),
    )]  # fmt: skip
    assert overlap(corpus, tested) == Overlap(problems=5, whole=1, all_steps=3, single=3, single_seen=2)
