import pytest
import torch

from rast_eval.analysis.forcing import TeacherForcer, Trajectory, greedy_paths
from rast_eval.config import EngineConfig
from rast_eval.types import System


@pytest.mark.parametrize("chunk", [1, 5, 1000])
def test_chunks_add_up_to_one_plain_pass(models, path, direct, chunk):
    models = [models.base, models.deltas[0].expert]
    forcer = TeacherForcer(chunk=chunk)
    parts = list(forcer.stream(path, models))
    assert [start for start, _ in parts] == list(range(0, len(path.tokens), chunk))
    assert max(len(rows) for _, logits in parts for rows in logits) <= chunk
    for i, ref in enumerate(models):
        joined = torch.cat([logits[i] for _, logits in parts]).to(torch.float64)
        assert joined.shape[0] == len(path.tokens)
        torch.testing.assert_close(joined, direct(ref), atol=2e-4, rtol=1e-4)


def test_systems_are_fused_by_equation_3(models, path, direct):
    systems = {"base": models.system("base"), "rast": models.system("rast")}
    members = systems["rast"].members
    assert len(members) == 3
    parts = list(TeacherForcer(chunk=7).stream_systems(path, systems))
    base, expert, anti = (direct(ref) for ref in members)
    width = min(x.shape[-1] for x in (base, expert, anti))
    expected = base[:, :width] + expert[:, :width] - anti[:, :width]
    torch.testing.assert_close(torch.cat([p["rast"] for _, p in parts]).double(), expected, atol=5e-4, rtol=1e-4)


def test_greedy_paths_are_what_the_model_itself_chooses(models, path):
    system = System(models.ceiling)
    (found,) = greedy_paths(system, {"7": path.prompt}, EngineConfig(), max_tokens=40)
    assert found.problem_id == "7"
    rows = torch.cat([x["rl"] for _, x in TeacherForcer().stream_systems(found, {"rl": system})])
    assert rows.argmax(-1).tolist() == list(found.tokens)


def test_an_empty_path_has_no_logits(models):
    assert list(TeacherForcer().stream(Trajectory("0", (1, 2), ()), [models.base])) == []
