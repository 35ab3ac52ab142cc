from run_writer import write_run

from rast_eval.report.comparison import comparison_table
from rast_eval.results.comparison import compare_runs
from rast_eval.results.reader import load_run


def test_table_rows(tmp_path):
    cells = [{"arm": arm, "benchmark": "math500", "problems": 40, "n": 4} for arm in ("base", "rast")]
    a, b = (
        load_run(write_run(tmp_path / name, [{**cell, "accuracy": accuracy} for cell in cells], seed))
        for seed, (name, accuracy) in enumerate((("a", 0.9), ("b", 0.2)), 1)
    )
    table = comparison_table(a, b, compare_runs(a, b))
    assert table.rows[1][:2] == ("math500", "RAST")
    assert table.rows[1][4].startswith("+")
    assert table.rows[1][5] == "< 0.001"
