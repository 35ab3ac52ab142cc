import json
from pathlib import Path

import pytest

from rast_eval.inputs import benchmarks
from rast_eval.scoring.registry import get_scorer
from rast_eval.types import Problem, Sample

CASES = [
    (r"so it is \boxed{C}.", "C"),
    (r"\boxed{B} no, \boxed{\text{(D)}}", "D"),
    (r"\boxed{A) 3 K}", "A"),
    (r"\boxed{42}; the answer is B", ""),
    ("Answer: C", "C"),
    ("**Answer:** (B)", "B"),
    ("The answer is A. No: the correct answer is D.", "D"),
    ("The answer is Carbon", ""),
    ("A good answer is hard", ""),
    ("I think B", ""),
    ("", ""),
    ("Answer: A<|im_end|>Answer: B", "A"),
]


@pytest.mark.parametrize(("output", "letter"), CASES)
def test_the_letter_that_an_output_names(output, letter):
    problem = Problem("gpqa_diamond", "0", "?", letter or "Z")
    (grade,) = get_scorer("letter").grade([Sample(problem, 0, output, ("<|im_end|>", "user"))])
    assert (grade.prediction, grade.correct) == (letter, letter != "")
    assert grade.status == ("ok" if letter else "no_answer")
    assert grade.vote == (ord(letter) - 65 if letter else None)


def test_options_stand_in_an_order_drawn_by_the_id(tmp_path):
    (tmp_path / "own.yaml").write_text(
        "name: own\nkind: math\nscorer: letter\ncount: 40\nfile: [own.jsonl]\n"
        "columns: {id: [key], question: [q], answer: [right]}\nchoices: [w1, w2, w3]\n"
        "decoding: {n: 1, temperature: 1.0, top_p: 1.0, max_tokens: 8}\n"
    )
    rows = [{"key": str(i), "q": "Which?", "right": "yes", "w1": "no", "w2": "never", "w3": "none"} for i in range(40)]
    Path(tmp_path / "own.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    problems = benchmarks.load(benchmarks.get("own", tmp_path))
    for problem in problems:
        assert f"\n{problem.gold}) yes\n" in problem.question
        assert sorted(line[0] for line in problem.question.splitlines() if line[1:2] == ")") == list("ABCD")
    assert {problem.gold for problem in problems} == set("ABCD")
    assert problems == benchmarks.load(benchmarks.get("own", tmp_path))
