import json
import resource
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel

from rast_eval.cli import dispatch
from rast_eval.errors import DataError, ModelError, UnknownName
from rast_eval.inputs import prompts
from rast_eval.types import Problem

PROBLEM = Problem("gsm8k", "0", "How many {{eggs}} & ducks?", "18")


def test_the_papers_two_prompts_to_the_letter():
    boxed = prompts.render(prompts.get("qwen-boxed"), PROBLEM)
    assert boxed == (
        "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\nHow many {{eggs}} & ducks?\n"
        "Please reason step by step, and put your final answer within \\boxed{}.<|im_end|>\n<|im_start|>assistant\n"
    )
    abel = prompts.render(prompts.get("abel"), PROBLEM)
    assert abel == "Question:\nHow many {{eggs}} & ducks?\nAnswer:\nLet's think step by step.\n"


def test_stops_are_those_of_the_released_scripts():
    assert prompts.get("qwen-boxed").stop == (
        "</s>", "<|im_end|>", "<|endoftext|>", "assistant", "user", "_end", "_start")  # fmt: skip
    assert prompts.get("abel").stop == ("</s>", "<|im_end|>", "<|endoftext|>", "Question:", "Answer:")


def test_every_template_can_be_read():
    assert all(prompts.get(name).description for name in prompts.names())


def test_unknown_and_malformed_templates(tmp_path):
    with pytest.raises(UnknownName, match="abel"):
        prompts.get("able")
    (tmp_path / "mine.jinja").write_text("no front matter")
    with pytest.raises(DataError, match="cannot be read"):
        prompts.get("mine", tmp_path)


def test_a_chat_template_is_asked_for_and_missed(tmp_path):
    (tmp_path / "chatty.jinja").write_text(
        "---\ndescription: d\n---\n{{ chat([{'role': 'user', 'content': problem}], prefill='ok') }}\n"
    )
    prompt = prompts.get("chatty", tmp_path)
    assert prompt.uses_chat_template
    with pytest.raises(ModelError, match="chat template"):
        prompts.render(prompt, PROBLEM, tokenizer=None)

    class Tokenizer:
        chat_template = "…"

        def apply_chat_template(self, messages, tokenize, add_generation_prompt):
            return f"<{messages[0]['content']}>"

    assert prompts.render(prompt, PROBLEM, Tokenizer()) == "<How many {{eggs}} & ducks?>ok"


HOSTILE = [json.loads(line) for line in (Path(__file__).parents[1] / "cases/templates.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("case", HOSTILE, ids=lambda case: case["template"][:40])
def test_a_strangers_template_ends_in_one_sentence(case, tmp_path, monkeypatch):
    monkeypatch.setattr("rast_eval.inputs.templates.CPU_SECONDS", 0.2)
    flag = tmp_path / "flag"
    prompt = prompts.Prompt("strange", "d", case["template"].replace("FILE", str(flag)))
    limits = resource.getrlimit(resource.RLIMIT_AS)
    with pytest.raises(DataError) as caught:
        prompts.render(prompt, PROBLEM)
    assert case["why"] in caught.value.message
    assert len(caught.value.message.splitlines()) == 1
    assert not flag.exists()
    assert resource.getrlimit(resource.RLIMIT_AS) == limits
    assert prompts.render(prompts.get("tiny"), PROBLEM).startswith("Q: ")


def test_a_looping_chat_template_ends_too(monkeypatch):
    transformers = pytest.importorskip("transformers")
    monkeypatch.setattr("rast_eval.inputs.templates.CPU_SECONDS", 0.2)
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=Tokenizer(WordLevel({"a": 0}, unk_token="a")))
    tokenizer.chat_template = "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"
    prompt = prompts.Prompt("chatty", "d", "{{ chat([{'role': 'user', 'content': problem}]) }}")
    with pytest.raises(DataError, match=r"with the chat template of the base.*takes more than"):
        prompts.render(prompt, PROBLEM, tokenizer)
    tokenizer.chat_template = "{{ raise_exception('no\\x1b[31m system') }}"
    with pytest.raises(DataError, match=r"chat template of the base.*no\[31m system"):
        prompts.render(prompt, PROBLEM, tokenizer)


def test_the_bounds_leave_other_threads_alone():
    with ThreadPoolExecutor(1) as pool:
        text = pool.submit(prompts.render, prompts.get("tiny"), PROBLEM).result()
    assert text == prompts.render(prompts.get("tiny"), PROBLEM)


def test_the_head_of_a_template_is_checked(tmp_path):
    for head, message in (
        ("description: d\nstops: [x]", r"the key 'stops'.*\nDid you mean stop\?"),
        ("stop: [x]", "lacks `description`"),
        ("description: d\nstop: [1]", "`stop` holds something other than texts"),
    ):
        (tmp_path / "mine.jinja").write_text(f"---\n{head}\n---\n{{{{ problem }}}}\n")
        with pytest.raises(DataError, match=message):
            prompts.get("mine", tmp_path)
    (tmp_path / "mine.jinja").write_text("---\ndescription: d\nstop: x y\ncontinues: true\n---\n{{ problem }}\n")
    assert (prompts.get("mine", tmp_path).stop, prompts.get("mine", tmp_path).continues) == (("x y",), True)


def test_a_dry_run_refuses_a_hostile_template(tmp_path, capsys):
    flag = tmp_path / "flag"
    call = f"cycler.__init__.__globals__.os.popen('touch {flag}').read()"
    (tmp_path / "evil.jinja").write_text(f"---\ndescription: d\n---\n{{{{ {call} }}}}\n")
    assert dispatch(["run", "--dry-run", "--prompt", "evil", "--include-path", str(tmp_path)]) == 2
    assert "The prompt 'evil' cannot be rendered" in capsys.readouterr().err
    assert not flag.exists()
