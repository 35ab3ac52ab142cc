import json
from collections import Counter

import pytest
from run_writer import write_run

from rast_eval.analysis.behaviours import BEHAVIOURS, behaviour_table, count_behaviours, count_words
from rast_eval.results.lines import encode_sample
from rast_eval.results.reader import load_run


@pytest.mark.parametrize(
    ("text", "expected", "words"),
    [
        ("Let me check. Checking again, it checks.", {"check": 3, "again": 1}, 7),
        ("We tried; she tries; trying!", {"try": 3}, 5),
        ("It SATISFIES both; verified, substituted.", {"satisfy": 1, "verify": 1, "substitute": 1}, 5),
        ("x2 = 3check4, re-test", {"check": 1, "test": 1}, 4),
        ("considerably different assumptions", {"different": 1}, 3),
        ("But butter is no butt", {"but": 1}, 5),
        ("", {}, 0),
    ],
)
def test_lemmas_of_alphabetic_tokens(text, expected, words):
    assert count_words(text) == (Counter(expected), words)


def test_lists_are_disjoint():
    everything = [word for words in BEHAVIOURS.values() for word in words]
    assert len(everything) == len(set(everything)) == 8 + 10 + 10


def test_counts_of_a_run(tmp_path):
    path = write_run(tmp_path / "r", [{"arm": "rast", "benchmark": "math500", "accuracy": 0.5, "problems": 3, "n": 2}])
    file = path / "samples/rast/math500.jsonl"
    rows = [json.loads(line) for line in file.open()]
    texts = ["check check", "but wait", "nothing", "verify", "", "another"]
    for row in rows:
        del row["output"], row["output_sha256"]
    file.write_bytes(b"".join(encode_sample(row, text) for row, text in zip(rows, texts, strict=True)))
    found = {row.behaviour: row for row in count_behaviours(load_run(path))}
    verification = found["self-verification"]
    assert verification.per_output.value == pytest.approx(3 / 6)
    assert verification.per_thousand_words == pytest.approx(1000 * 3 / 7)
    assert (verification.occurrences, verification.outputs) == (3, 6)
    assert list(verification.words.items()) == [("check", 2), ("verify", 1)]
    assert found["branching"].per_output.value == pytest.approx(1 / 6)
    assert len(behaviour_table("t", found.values()).rows) == 3
