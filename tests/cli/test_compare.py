import csv
import io
import json

from run_writer import write_run

from rast_eval.cli import dispatch
from rast_eval.report.comparison import signed
from rast_eval.results.comparison import compare_runs
from rast_eval.results.metrics import to_jsonable
from rast_eval.results.reader import load_run


def test_compare_prints_what_it_computes_in_every_format(tmp_path, capsys):
    cell = {"arm": "rast", "benchmark": "math500", "problems": 30, "n": 2}
    paths = [
        write_run(tmp_path / name, [{**cell, "accuracy": accuracy}], seed)
        for seed, (name, accuracy) in enumerate((("a", 0.9), ("b", 0.3)))
    ]

    def compare(*more):
        assert dispatch(["compare", *map(str, paths), *more]) == 0
        return capsys.readouterr().out

    found = compare_runs(*map(load_run, paths))
    assert json.loads(compare("-f", "json")) == to_jsonable(found)
    shown = list(csv.DictReader(io.StringIO(compare("-f", "csv"))))
    assert [row["measure"] for row in shown] == ["Avg.", "pass@2", "majority@2"]
    assert [row["A − B"] for row in shown] == [signed(row.difference) for row in found.rows]
    assert all(row["A − B"].replace(" ", "<br>", 1) in compare("-f", "markdown") for row in shown)
    assert compare().startswith("A = a, B = b")
    assert dispatch(["compare", str(paths[0]), str(paths[0])]) == 2
    assert "are one run" in capsys.readouterr().err
