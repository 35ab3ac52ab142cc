"""`rast-eval view` as docs/viewing.md types it."""

import os
import signal
import subprocess
import sys
import urllib.request

from rast_eval.cli import dispatch


def test_a_server_says_where_it_is_and_ends_quietly(run_and_rows):
    run, rows = run_and_rows
    command = [sys.executable, "-m", "rast_eval", "view", str(run), str(run), "--include-path", str(rows)]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        # A test runner in the background ignores SIGINT, and so would its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as running:
        url = running.stdout.readline().split()[0]
        with urllib.request.urlopen(url) as answer:
            assert "<title>rast-eval</title>" in answer.read().decode()
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=60)
    assert running.returncode == 0, said
    assert said.strip() == ""


def test_a_bundle_of_the_first_problems(run_and_rows, tmp_path, capsys):
    run, rows = run_and_rows
    files = [tmp_path / name for name in ("two.html", "all.html")]
    for file, limit in zip(files, (["-L", "2"], []), strict=True):
        assert dispatch(["view", str(run), "--include-path", str(rows), "--bundle", str(file), *limit]) == 0
        assert capsys.readouterr().out == f"{file}\n"
    assert files[0].stat().st_size < files[1].stat().st_size
