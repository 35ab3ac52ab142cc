import pytest

from rast_eval.errors import UnknownName
from rast_eval.inputs.models import known_pairs
from rast_eval.paper import published, runs, scale


def test_the_papers_pairs_are_table_1s():
    rows = {(s.base, s.delta) for s in published.table1() if s.system == "rast"}
    assert set(scale.paper().pairs) == rows
    assert set(scale.paper().benchmarks) == set(published.BENCHMARKS)
    points = {(p.weight, p.temperature) for p in published.figure6()}
    ours = {(w, 1.0) for w in scale.paper().weights} | {(0.5, t) for t in scale.paper().temperatures}
    assert ours == points


def test_tiny_takes_whatever_sizes_the_family_has():
    found = scale.tiny()
    names = {e.name for e in known_pairs().values() if e.family == "tiny" and e.rl}
    assert {name for pair in found.pairs for name in pair} == names
    assert len(found.pairs) == len(names) * (len(names) - 1) // 2
    assert all(base != delta for base, delta in found.pairs)
    assert found.caveats


def test_unknown_scale():
    with pytest.raises(UnknownName, match="scale"):
        scale.get("huge")


def test_commands_are_those_of_run():
    paper = scale.paper()
    named = runs.pair_run(paper, "32b", "14b")
    assert " ".join(named.command) == (
        "run --base 32b --delta 14b --arms rast --benchmarks math500,aime24,amc23,minerva,olympiadbench,gsm8k "
        "--preset paper --backend vllm --tensor-parallel-size 4"
    )
    assert runs.sweep_run(paper, 0.5, 1.2).name == "sweep/lambda=0.5,temperature=1.2"
    over_weight, over_heat = (" ".join(arguments) for arguments in runs.sweep_arguments(paper))
    assert over_weight == (
        "--base 32b --delta 14b --benchmarks math500 --backend vllm --tensor-parallel-size 4 "
        "--lambda 0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8,0.9,1,1.1,1.2,1.3,1.4,1.5 --temperature 1"
    )
    assert "--lambda 0.5 --temperature 0.5,0.6," in over_heat
    assert "--delta" not in runs.base_run(paper, "32b").command
    ensemble = runs.ensemble_run(paper)
    assert [delta.weight for delta in ensemble.config.models.deltas] == [0.3333] * 3


def test_a_point_of_the_sweep_is_the_run_that_the_sweep_makes():
    tiny = scale.tiny()
    (cell,) = runs.sweep_run(tiny, 0.5, 1.25).plan().cells
    assert cell.system.deltas[0].weight == 0.5
    assert (cell.sampling.temperature, cell.n, cell.problem_count) == (1.25, tiny.sweep_n, tiny.sweep_limit)


def test_the_paper_preset_reaches_the_plan():
    named = runs.base_run(scale.tiny(), scale.tiny().bases[0])
    cells = {cell.arm: cell for cell in named.plan().cells}
    assert cells["base"].n == 1
    assert cells["base@sampled"].n == 32
    assert cells["base"].sampling.greedy
