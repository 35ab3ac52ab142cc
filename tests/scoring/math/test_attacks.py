"""Model text is never run: attack strings leave no file, no process, no connection, and do not sleep."""

from __future__ import annotations

import contextlib
import os
import socket
from pathlib import Path

import pytest

from rast_eval.scoring import get_scorer
from rast_eval.scoring.math.expression import UnsafeExpression, parse_expression
from rast_eval.types import Problem, Sample

pytestmark = pytest.mark.slow

FILE = "{folder}/canary{n}"
TEMPLATES = [
    "(open('" + FILE + "','w'),1)",
    "{{open('" + FILE + "','w'),1}}",
    "[open('" + FILE + "','w').write('x'),1]",
    "(__import__('os').mkdir('" + FILE + "'),1)",
    "(__import__('os').system('touch " + FILE + "'),1)",
    "(__import__('subprocess').run(['touch','" + FILE + "']),1)",
    "(__import__('pathlib').Path('" + FILE + "').touch(),1)",
    "(exec(\"open('" + FILE + "','w')\"),1)",
    "(eval(\"open('" + FILE + "','w')\"),1)",
    "(compile(\"open('" + FILE + "','w')\",'x','exec'),1)",
    "(print(1,file=open('" + FILE + "','w')),1)",
    "(getattr(__builtins__,'open')('" + FILE + "','w'),1)",
    "(().__class__.__base__.__subclasses__()[0],open('" + FILE + "','w'))",
    "((lambda:open('" + FILE + "','w'))(),1)",
    "([open('" + FILE + "','w') for q in (1,)],1)",
    "({{open('" + FILE + "','w'):1}},1)",
    "(1 if open('" + FILE + "','w') else 2,1)",
    "(1 and open('" + FILE + "','w'),1)",
    "(sympify(\"open('" + FILE + "','w')\"),1)",
    "(parse_expr(\"open('" + FILE + "','w')\"),1)",
    "(S(\"open('" + FILE + "','w')\"),1)",
    "(Integer(\"open('" + FILE + "','w')\"),1)",
    "(Symbol('q').subs('q',\"open('" + FILE + "','w')\"),1)",
    "(lambdify(q,\"open('" + FILE + "','w')\")(1),1)",
    "(Matrix(\"open('" + FILE + "','w')\"),1)",
    "(Eq(\"open('" + FILE + "','w')\",1),1)",
    "(sqrt(\"open('" + FILE + "','w')\"),1)",
    "(simplify(\"open('" + FILE + "','w')\"),1)",
    "(N(\"open('" + FILE + "','w')\"),1)",
    "(Function('f')(\"open('" + FILE + "','w')\"),1)",
    "f'{{open(\"" + FILE + '","w")}}\'',
    "open('" + FILE + "','w')",
    "open('" + FILE + "','w') = 1",
    "\\frac{{open('" + FILE + "','w')}}{{1}}",
    "\\begin{{pmatrix}}open('" + FILE + "','w')\\\\1\\end{{pmatrix}}",
    "(x:=open('" + FILE + "','w'),1)",
    "(input(),1)",
    "(breakpoint(),1)",
    "(exit(),1)",
    "(quit(),1)",
    "(__import__('os')._exit(0),1)",
    "(__import__('os').kill(0,9),1)",
    "(__import__('time').sleep(3600),1)",
    "(time.sleep(3600),1)",
    "(__import__('socket').create_connection(('127.0.0.1',{port})),1)",
    "(__import__('urllib.request').request.urlopen('http://127.0.0.1:{port}'),1)",
    "(plot(Symbol('q'),backend=open('" + FILE + "','w')),1)",
    "(preview(1,output='png',filename='" + FILE + "'),1)",
    "{{preview(1,viewer='file',filename='" + FILE + "',output='png'),2}}",
]
GOLDS = ("(1,2)", "{1,2}", r"\frac{1}{2}")


@pytest.fixture
def listener():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        server.settimeout(0.0)
        yield server


def render(folder, port):
    return [template.format(folder=folder, n=number, port=port) for number, template in enumerate(TEMPLATES)]


def test_the_canary_would_sing(tmp_path):
    """What is guarded against is real: sympy's own parser runs the first attack."""
    from sympy.parsing.sympy_parser import parse_expr

    parse_expr(render(tmp_path, 0)[0])
    assert os.listdir(tmp_path) == ["canary0"]


@pytest.mark.parametrize("name", ["simplerl", "strict"])
def test_nothing_runs(tmp_path, listener, name):
    attacks = render(tmp_path, listener.getsockname()[1])
    assert len(attacks) >= 30
    boxed = [rf"\boxed{{{attack}}}" for attack in attacks] + [f"The answer is: {attack}" for attack in attacks]
    samples = [
        Sample(Problem("math500", str(number), "", gold), 0, output)
        for number, output in enumerate(boxed)
        for gold in GOLDS
    ]
    scorer = get_scorer(name, votes=False)
    grades = scorer.grade(samples, workers=2)
    scorer.close()
    assert os.listdir(tmp_path) == []
    with pytest.raises(BlockingIOError):
        listener.accept()
    assert {grade.status for grade in grades} <= {"ok", "no_answer"}
    if name == "simplerl":  # the other one may find a right number inside an attack
        assert not any(grade.correct for grade in grades)


def test_attacks_as_votes(tmp_path):
    samples = [
        Sample(Problem("math500", "0", "", "7"), n, rf"\boxed{{{text}}}") for n, text in enumerate(render(tmp_path, 1))
    ]
    scorer = get_scorer("simplerl")
    grades = scorer.grade(samples, workers=1)
    scorer.close()
    assert os.listdir(tmp_path) == []
    assert len(grades) == len(samples)


@pytest.mark.parametrize("attack", range(len(TEMPLATES)))
def test_the_grammar_refuses_or_reads_only(tmp_path, attack):
    text = render(tmp_path, 1)[attack]
    with contextlib.suppress(UnsafeExpression, SyntaxError, TypeError, ValueError, KeyError):
        parse_expression(text)
    assert os.listdir(tmp_path) == []


def test_no_source_of_the_scorer_evaluates():
    import rast_eval.scoring.math as package

    sources = [path.read_text(encoding="utf-8") for path in Path(package.__file__).parent.glob("*.py")]
    assert len(sources) > 5
    for call in ("eval(", "exec(", "sympify(", "lambdify(", "parse_expr("):
        assert not any(f" {call}" in source or f"={call}" in source for source in sources)
