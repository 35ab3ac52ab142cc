import csv
import io
import json

from run_writer import write_run

from rast_eval.cli import dispatch
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

    (row,) = compare_runs(*map(load_run, paths))
    assert json.loads(compare("-f", "json")) == {"a": str(paths[0]), "b": str(paths[1]), "rows": to_jsonable([row])}
    (shown,) = csv.DictReader(io.StringIO(compare("-f", "csv")))
    assert shown["benchmark"] == "math500"
    assert shown["difference"].startswith(f"{100 * row.difference.value:+.1f} [")
    assert shown["difference"] in compare()
    assert f"| {shown['difference']} |" in compare("-f", "markdown")
    assert compare().startswith("A = a, B = b")
