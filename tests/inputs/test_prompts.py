import pytest

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
