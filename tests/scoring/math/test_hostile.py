"""Inputs that hang, crash or exhaust a scorer: every class finishes, and the rest of the batch is not touched."""

from __future__ import annotations

import resource

import pytest

from rast_eval.inputs import prompts
from rast_eval.scoring import get_scorer
from rast_eval.types import Problem, Sample

pytestmark = pytest.mark.slow

SIZES = range(1, 13)


@pytest.fixture(scope="module", autouse=True)
def memory_before():
    """Peak memory in KiB before this file's tests: other files may have loaded models into the same process."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def box(text):
    return rf"\boxed{{{text}}}"


def nest(opening, core, closing, depth):
    return opening * depth + core + closing * depth


CLASSES = {
    "power towers": """
        9^{9^{9}}; 9^{9^{9^{9}}}; (0,9^{9^{9}}); [9^{9^{9}},1]; x=9^{9^{9}}; 9^{9^{9}}=x; 9^{9^{9}} \\bmod 7;
        {1,9^{9^{9}}};
        \\frac{9^{9^{9}}}{2}; (9**9**9,1); (2**10**9,1); \\sqrt{9^{9^{9}}}+1; 7^{7^{7^{7}}}-7^{7^{7^{7}}}
    """,
    "factorials": """
        1000000000!; ((9!)!)!; (1000000000!,1); \\binom{1000000000}{500000000}; x=100000000!; {1,(9!)!}; ((8!)!)!+1;
        \\frac{10000000!}{9999999!}; (factorial(10**9),1); (binomial(10**9,10**8),1);
        (gamma(10**9),2); 99999999!-9999999!
    """,
    "sums and products": [
        text.replace("N", str(size))
        for size in (10**6, 10**7, 10**9)
        for text in (
            r"\sum_{k=1}^{N} \frac{1}{k}",
            r"\prod_{k=1}^{N} (1+\frac{1}{k^2})",
            r"\sum_{k=1}^{N} \sin(k)",
            r"x=\sum_{k=1}^{N} k^k",
        )
    ],
    "integrals and limits": [
        text.replace("N", str(power))
        for power in (7, 31, 101)
        for text in (
            r"\int_0^1 \frac{\sin(x^{N})}{1+x^{N}} dx",
            r"\int \sqrt{x^{N}+x+1} dx",
            r"\lim_{x\to 0} \frac{\sin(\tan x)-\tan(\sin x)}{x^{N}}",
            r"\int \frac{e^{x^2}\ln x}{x^{N}+1} dx",
        )
    ],
    "nested fractions": [nest(r"\frac{1}{1+", "x", "}", 50 + 177 * size) for size in SIZES],
    "nested functions": [nest(r"\sin(", "x", ")", 30 + 10 * size) for size in SIZES],
    "nested bars": [nest("|{", "x", "}|", 100 + 20 * size) for size in SIZES],
    "nested braces": [nest("{", "1,", "}", 300 * size) for size in SIZES],
    "long digits in a fraction": [rf"\frac{{{'7' * 500 * size}}}{{3}}" for size in SIZES],
    "long digits": ["7" * 10_000 * size for size in SIZES],
    "groups of digits": ["1,234,567," * 1000 * size for size in SIZES],
    "open text": [r"\text{" * 2000 * size for size in SIZES],
    "open arrays": [r"\begin{array}{" * 2000 * size for size in SIZES],
    "long zeros": ["1." + "0" * 10_000 * size + "x" for size in SIZES],
    "millions": ["million " * 300 * size for size in SIZES],
    "open mbox": [r"\mbox{" * 2000 * size for size in SIZES],
    "units": [" m east. sq a t " * 500 * size for size in SIZES],
    "cut fractions": [r"\frac" * 2000 * size for size in SIZES],
    "memory": """
        2^{10^9}; (2**(10**9),1); (10**10**9,1); {2**(10**9),3}; 2^{1000000000}-1; x=2^{1000000000}; 3^{2^{31}}+1;
        (1<<10000000000,1); (1<<(1<<40),1); [3**(10**9),2]; ((1,)*10**10,1); ([1]*10**10,1)
    """,
    "characters": [
        text.replace("?", mark)
        for mark in (
            "\0",
            "\ud800",
            "\udfff",
            "\u202e",
            "\u200f",
            "\ufeff",
            "\u2028",
            "\x85",
            "\x1b",
            "\uff15",
            "\u0665",
        )
        for text in ("?5?", "?", "(1,?)")
    ],
}
UNBOXED = {
    "long digits outside a box": ["so it is " + "7" * 20_000 * size for size in SIZES],
    "unclosed boxes": [r"\boxed{" + "z" * 6_000 * size for size in SIZES],
    "blank lines": ["x\n" + " \n" * 5_000 * size + "the answer is" for size in SIZES],
    "stop words": ["user assistant _end " * 1000 * size for size in SIZES],
}
GOLDS = {"power towers": "387420489", "nested fractions": r"\frac{1}{x+y}", "characters": "(1,2)"}


def outputs_of(name):
    if name in UNBOXED:
        return UNBOXED[name]
    texts = CLASSES[name]
    return [box(text.strip()) for text in (texts.split(";") if isinstance(texts, str) else texts)]


STOPS = prompts.get("qwen-boxed").stop


@pytest.fixture(scope="module")
def scorer():
    scorer = get_scorer("simplerl", votes=False, cpu_seconds=0.25)
    yield scorer
    scorer.close()


@pytest.mark.parametrize("name", [*CLASSES, *UNBOXED])
def test_every_class_finishes(scorer, name):
    outputs = outputs_of(name)
    assert len(outputs) >= 12
    gold = GOLDS.get(name, r"\frac{7}{2}")
    hostile = [Sample(Problem("math500", f"h{n}", "", gold), 0, text) for n, text in enumerate(outputs)]
    honest = [Sample(Problem("math500", f"g{n}", "", "(1,x+1)"), 0, r"\boxed{(1, 1+x)}") for n in range(len(outputs))]
    mixed = [sample for pair in zip(hostile, honest, strict=True) for sample in pair]
    grades = scorer.grade(mixed, workers=2)
    assert [grade.problem_id for grade in grades] == [sample.problem.id for sample in mixed]
    assert all(grade.correct and grade.status == "ok" for grade in grades[1::2])
    assert not any(grade.correct for grade in grades[::2])
    assert {grade.status for grade in grades[::2]} <= {"ok", "no_answer", "timeout", "error"}


def test_an_empty_output_against_an_empty_gold_is_wrong(scorer):
    texts = [
        "",
        " ",
        "\n\n",
        "</s>",
        "<|im_end|>x",
        "error",
        "user: 5",
        "assistant",
        " <|endoftext|>",
        "_end",
        "_start 7",
        "\t",
    ]
    grades = scorer.grade(
        [Sample(Problem("math500", "97", "", ""), n, text, STOPS) for n, text in enumerate(texts)], workers=1
    )
    scorer.close()
    assert not any(grade.correct for grade in grades)
    assert {grade.status for grade in grades} == {"no_answer"}


def test_the_parent_stays_small(memory_before):
    """Runs after the classes above: what they added to the highest memory this process ever used."""
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory_before < 400 * 1024
