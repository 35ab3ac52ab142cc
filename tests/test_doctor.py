"""Each check names what it found, and every line that is not ok names what mends it."""

from __future__ import annotations

import json

import pytest

from rast_eval import doctor
from rast_eval.cli.doctor import doctor as command
from rast_eval.decoding.vllm import attention
from rast_eval.doctor import Check
from rast_eval.errors import SandboxError


def test_this_machine(capsys):
    checks = list(doctor.run())
    names = [check.name for check in checks]
    assert next(check.found for check in checks if check.name == "runner").startswith("V") or "runner" not in names
    assert {"python", "torch", "vllm", "hub cache", "latex", "sandbox", "tiny-arith", "math500"} <= set(names)
    assert all(check.found for check in checks)
    assert all(check.fix for check in checks if check.status != "ok")
    assert next(check for check in checks if check.name == "latex").status == "ok"
    assert next(check for check in checks if check.name == "tiny-arith").found.startswith("400 rows")


def test_a_benchmark_file_that_was_changed_is_told(tmp_path):
    (tmp_path / "aime24.jsonl").write_text('{"problem": "1+1?", "answer": "2", "id": 0}\n')
    found = next(check for check in doctor.run(tmp_path) if check.name == "aime24")
    assert (found.status, found.found) == ("warning", "1 rows where 30 are expected.")
    (tmp_path / "aime24.jsonl").write_text("no json\n")
    assert next(check for check in doctor.run(tmp_path) if check.name == "aime24").status == "error"


@pytest.mark.parametrize(
    ("installed", "status"),
    [("0.32.0", "ok"), ("0.26.1", "ok"), ("0.25.0", "warning"), ("0.34.0", "warning"), (None, "warning")],
)
def test_vllm_releases(monkeypatch, installed, status):
    monkeypatch.setattr(doctor, "_version", lambda package: installed if package == "vllm" else None)
    assert next(doctor._vllm()).status == status


@pytest.mark.parametrize(("installed", "status"), [("0.28.0", "warning"), ("0.29.0", "ok")])
def test_old_releases_misplan_attention_on_hopper(monkeypatch, installed, status):
    monkeypatch.setattr(doctor, "_version", lambda package: installed if package == "vllm" else None)
    monkeypatch.setattr(attention, "on_hopper", lambda: True)
    assert next(doctor._vllm()).status == status


def test_one_broken_part_does_not_hide_the_others(monkeypatch, capsys):
    def broken():
        raise SandboxError("bubblewrap is missing.", "apt-get install bubblewrap")
        yield

    def crash():
        raise ImportError("no such symbol")
        yield

    monkeypatch.setattr(doctor, "_sandbox", broken)
    monkeypatch.setattr(doctor, "_latex", crash)
    checks = {check.name: check for check in doctor.run()}
    assert checks["sandbox"] == Check("sandbox", "error", "bubblewrap is missing.", "apt-get install bubblewrap")
    assert checks["latex"].found == "ImportError: no such symbol"
    assert checks["tiny-arith"].status == "ok"
    import typer

    with pytest.raises(typer.Exit) as ended:
        command(as_json=True)
    assert ended.value.exit_code == 1
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {"name", "status", "found", "fix"} == set(rows[0])


def test_the_core_alone_is_no_error(monkeypatch, capsys):
    monkeypatch.setattr(doctor, "_version", lambda package: None)
    checks = {check.name: check for check in doctor.run()}
    assert (checks["torch"].status, checks["vllm"].status) == ("warning", "warning")
    assert not {"gpu", "speculation", "hub cache"} & checks.keys()


def test_names_stay_apart_from_what_was_found(monkeypatch, capsys):
    monkeypatch.setattr(doctor, "run", lambda *_: [Check("livecodebench_v6", "ok", "1055 rows")])
    command()
    assert capsys.readouterr().out == "ok      livecodebench_v6 1055 rows\n"
