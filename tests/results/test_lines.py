import io
import json

import pytest
from run_writer import Judge

from rast_eval.results import lines
from rast_eval.results.digests import grade_line
from rast_eval.results.lines import (
    Damaged,
    encode_sample,
    output_sha256,
    read_grade,
    read_head,
    read_sample,
)
from rast_eval.types import Grade

FACTS = {
    "fingerprint": "f",
    "session": "s",
    "problem_id": "0",
    "sample": 1,
    "problem_sha256": "d",
    "prompt_sha256": "e",
    "num_tokens": 3,
    "finish_reason": "stop",
}
OUTPUTS = ["", "plain", 'quotes " and \\ and \n', "lone \ud800, null \0, line \u2028, λ", '", "output": "']
GOOD = encode_sample(FACTS, "So \\boxed{1}.")


@pytest.mark.parametrize("output", OUTPUTS)
def test_a_line_gives_back_its_facts_and_its_output(output):
    line = encode_sample(FACTS, output)
    assert line.isascii()
    assert line.count(b"\n") == 1
    digest = {"output_sha256": output_sha256(output)}
    assert read_head(line) == {**FACTS, **digest}
    assert read_sample(line) == {**FACTS, **digest, "output": output}


@pytest.mark.parametrize("output", OUTPUTS)
def test_lines_of_others_are_read_too(output):
    row = {"output": output, **FACTS, "more": [1]}
    digest = {"output_sha256": output_sha256(output)}
    for text in (json.dumps(row), json.dumps(row, separators=(",", ":")), json.dumps({**row, **digest})):
        assert read_head(text.encode() + b"\r\n")["output_sha256"] == output_sha256(output)
    if output.isprintable():
        assert read_sample(json.dumps(row, ensure_ascii=False).encode() + b"\n")["output"] == output


DAMAGE = {
    "not UTF-8": GOOD.replace(b"So", b"\xff\xfe"),
    "not JSON": GOOD[:60] + b"\n",
    "not JSON ": GOOD[:-1] + b"\0\0\0\n",
    "not JSON  ": b"[" * 100_000 + b"\n",
    "no JSON object": b"null\n",
    "no JSON object ": b"[1]\n",
    "lacks fingerprint": b"{}\n",
    "lacks output": json.dumps(FACTS).encode() + b"\n",
    "sample is no int": GOOD.replace(b'"sample": 1', b'"sample": true'),
    "sample is negative": GOOD.replace(b'"sample": 1', b'"sample": -1'),
    "problem_id is no str": GOOD.replace(b'"problem_id": "0"', b'"problem_id": 0'),
    "digest": GOOD.replace(b"boxed{1}", b"boxed{2}"),
}


@pytest.mark.parametrize(("reason", "line"), DAMAGE.items())
def test_every_damage_says_what_it_is(reason, line):
    for read in (read_head, read_sample):
        with pytest.raises(Damaged, match=reason.strip()):
            read(line)


def test_reading_goes_past_damage_and_leaves_a_torn_end_out():
    damage = []
    handle = io.BytesIO(GOOD + b"null\n" + b"\r\n\n" + GOOD + GOOD[:-1])
    found = list(lines.read_lines(handle, read_head, damage))
    assert [place.number for place, _ in found] == [1, 5]
    assert found[1][0].offset == len(GOOD) + 8
    assert [(one.place.number, one.reason) for one in damage] == [(2, "it is no JSON object")]


def test_damage_is_named_once_a_file(tmp_path):
    damage = [lines.Damage(lines.Place(n, 0, 1), "it is not JSON") for n in range(1, 9)]
    with pytest.warns(UserWarning, match=r"rows holds 8 damaged lines \(line 1: it is not JSON; .*; 3 more\)\. Gone\."):
        lines.name_damage(tmp_path / "rows", damage, "Gone.")


def test_grades_are_checked_too():
    row = grade_line(Grade("0", 1, "7", True, "ok", 0, {"base": "pass"}), "ab", Judge("strict"))
    line = json.dumps(row).encode() + b"\n"
    assert read_grade(line) == {**row, "sealed": True}
    assert not read_grade(line.replace(b"true", b"false"))["sealed"]
    for change in ({"correct": None}, {"vote": "x"}, {"details": []}, {"sample": "1"}):
        with pytest.raises(Damaged):
            read_grade(json.dumps({**row, **change}).encode())
