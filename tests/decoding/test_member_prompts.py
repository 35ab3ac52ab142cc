"""Members that read another template than the base: each sees its own prefix, all the same response."""

import pytest

torch = pytest.importorskip("torch")

from rast_eval.cli import dispatch  # noqa: E402
from rast_eval.config import EngineConfig, RunConfig  # noqa: E402
from rast_eval.decoding.fusion import fuse  # noqa: E402
from rast_eval.decoding.loading import load_model, load_tokenizer  # noqa: E402
from rast_eval.errors import UsageError  # noqa: E402
from rast_eval.inputs.models import resolve_models  # noqa: E402
from rast_eval.results.reader import iter_samples, load_run  # noqa: E402
from rast_eval.runs import plan  # noqa: E402

FLAGS = ["run", "--limit", "3", "--n", "1", "--temperature", "0", "--max-tokens", "30", "--arms", "rast",
         "--backend", "hf"]  # fmt: skip


@pytest.fixture
def own(tmp_path):
    (tmp_path / "own").mkdir()
    text = "---\ndescription: other words\n---\nHere is a question that is longer, about {{ problem }}\nA:"
    (tmp_path / "own" / "long.jinja").write_text(text)
    return tmp_path / "own"


def outputs(path, *flags):
    assert dispatch([*FLAGS, *map(str, flags), "-o", str(path)]) == 0
    run = load_run(path)
    return {row["problem_id"]: row["output"] for row in iter_samples(run, run.cells[0])}


def test_each_member_reads_its_own_prefix(tmp_path, own):
    plain = outputs(tmp_path / "plain")
    assert outputs(tmp_path / "same", "--expert-prompt", "tiny", "--antiexpert-prompt", "tiny") == plain
    flags = ("--expert-prompt", "long", "--include-path", own)
    found = outputs(tmp_path / "long", *flags)
    assert found != plain
    assert outputs(tmp_path / "one", *flags, "--max-num-seqs", 1) == found
    config = RunConfig(resolve_models(), ("rast",), limit=3, expert_prompt="long", include_path=own)
    built = plan.build(config)
    (cell,) = built.cells
    assert cell == cell.from_json(cell.to_json())
    tokenizer = load_tokenizer(cell.system.base)
    models = [load_model(ref, torch.float32, "cpu") for ref in cell.system.members]
    for request in plan.requests(built, cell, plan.prompts_of(built, cell, tokenizer)):
        base, expert, antiexpert = request.member_token_ids
        assert base == antiexpert == request.prompt_token_ids != expert
        said = tuple(tokenizer(found[request.problem_id], add_special_tokens=False)["input_ids"])
        rows = []
        for model, prefix in zip(models, request.member_token_ids, strict=True):
            with torch.inference_mode():  # without cache, padding or batch
                rows.append(model(input_ids=torch.tensor([prefix + said])).logits[0, len(prefix) - 1 : -1])
        assert tuple(fuse(rows, cell.system.weights).argmax(-1).tolist()) == said


def test_prompts_belong_to_the_fingerprint():
    models = resolve_models()
    built = [plan.build(RunConfig(models, ("rast",), limit=1, expert_prompt=name)) for name in (None, "tiny", "abel")]
    assert len({one.cells[0].fingerprint for one in built}) == 3


@pytest.mark.parametrize("engine", [EngineConfig(backend="vllm"), EngineConfig(speculate=2)])
def test_one_block_table_is_one_prompt(engine):
    with pytest.raises(UsageError, match="vLLM keeps one block table for all members"):
        plan.build(RunConfig(resolve_models(), ("rast",), limit=1, expert_prompt="abel", engine=engine))


def test_one_checkpoint_reads_one_prompt():
    models = resolve_models("tiny-m", ["tiny-m"])
    plan.build(RunConfig(models, ("rast",), limit=1, expert_prompt="abel"))
    with pytest.raises(UsageError, match="tiny-m has two roles here"):
        plan.build(RunConfig(models, ("rast",), limit=1, antiexpert_prompt="abel"))
