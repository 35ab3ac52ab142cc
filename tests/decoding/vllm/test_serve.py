"""The OpenAI server over a fused system, asked by the real client."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

pytest.importorskip("vllm")
openai = pytest.importorskip("openai")

pytestmark = [pytest.mark.vllm, pytest.mark.slow]

START_LIMIT_S = 400
QUESTION = "Tom has 37 coins. Mon buys 6 bags of 7. Tue loses 5 bags of 5. How many?"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def expert(tiny, tmp_path_factory):
    """The embedded expert, but what follows a tilde is NaN."""
    torch = pytest.importorskip("torch")
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = tmp_path_factory.mktemp("models") / "expert"
    model = AutoModelForCausalLM.from_pretrained(tiny / "s-rl", dtype=torch.float32)
    model.lm_head.weight = torch.nn.Parameter(model.lm_head.weight.detach().clone())
    model.config.tie_word_embeddings = False
    tokenizer = AutoTokenizer.from_pretrained(tiny / "s-rl")
    model.get_input_embeddings().weight.data[tokenizer("~")["input_ids"]] = torch.nan
    model.save_pretrained(folder)
    for path in (tiny / "s-rl").glob("tokenizer*"):
        shutil.copy(path, folder)
    return folder


@pytest.fixture(scope="module")
def server(tiny, expert, tmp_path_factory):
    """Its port, process and log."""
    port = free_port()
    log = tmp_path_factory.mktemp("serve") / "log.txt"
    flags = ["--base", "tiny-m", "--expert", str(expert), "--antiexpert", str(tiny / "s-base"), "--lambda", "0.8"]
    flags += ["--port", str(port), "--dtype", "float32", "--max-num-seqs", "8"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "VLLM_CPU_KVCACHE_SPACE": "1"}
    # An engine core of its own is what the server cannot do without.
    environment.pop("VLLM_ENABLE_V1_MULTIPROCESSING", None)
    with log.open("wb") as sink:
        process = subprocess.Popen(
            [sys.executable, "-m", "rast_eval", "serve", *flags], env=environment, stdout=sink, stderr=sink
        )
    try:
        deadline = time.monotonic() + START_LIMIT_S
        while True:
            assert process.poll() is None, log.read_text()[-3000:]
            assert time.monotonic() < deadline, log.read_text()[-3000:]
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2)
                break
            except (urllib.error.URLError, OSError):
                time.sleep(1)
        yield port, process, log
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)


@pytest.fixture(scope="module")
def client(server):
    return openai.OpenAI(base_url=f"http://127.0.0.1:{server[0]}/v1", api_key="none", max_retries=0)


@pytest.fixture(scope="module")
def reference(tiny):
    """Log-probabilities [tokens, vocabulary] of Eq. 3 in float32, and the tokenizer."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    names = ("m-base", "s-rl", "s-base")
    models = [AutoModelForCausalLM.from_pretrained(tiny / name, dtype=torch.float32).eval() for name in names]

    @torch.inference_mode()
    def logprobs(ids):
        base, expert, antiexpert = (model(torch.tensor([ids])).logits[0] for model in models)
        width = min(base.shape[-1], expert.shape[-1])
        return torch.log_softmax(base[:, :width] + 0.8 * (expert - antiexpert)[:, :width], dim=-1)

    return logprobs, AutoTokenizer.from_pretrained(tiny / "m-base")


def test_echoed_logprobs_equal_the_reference(client, reference):
    logprobs, tokenizer = reference
    prompt = f"Q: {QUESTION}\nA:"
    answer = client.completions.create(
        model="rast", prompt=prompt, max_tokens=20, temperature=0, logprobs=3, echo=True
    ).choices[0]
    ids = tokenizer(answer.text)["input_ids"]
    assert answer.text.startswith(prompt)
    assert len(answer.logprobs.token_logprobs) == len(ids) > len(tokenizer(prompt)["input_ids"])
    expected = logprobs(ids)
    for position in range(1, len(ids)):
        told = answer.logprobs.token_logprobs[position]
        assert told == pytest.approx(expected[position - 1, ids[position]].item(), abs=1e-3)
    best = expected[len(ids) - 2].max().item()
    assert max(answer.logprobs.top_logprobs[-1].values()) == pytest.approx(best, abs=1e-3)


def test_chat_with_several_choices_and_a_seed(client):
    def ask(seed):
        question = [{"role": "user", "content": QUESTION}]
        done = client.chat.completions.create(
            model="tiny-m+s-base", messages=question, n=4, seed=seed, temperature=1.5, max_tokens=40
        )
        return [choice.message.content for choice in done.choices]

    first = ask(7)
    assert len(first) == 4
    assert ask(7) == first
    assert ask(8) != first


def test_logits_that_are_not_finite_end_the_server_by_the_members_name(client, server, expert):
    _, process, log = server
    with pytest.raises(openai.InternalServerError):
        client.completions.create(model="rast", prompt="~", max_tokens=4)
    assert process.wait(timeout=120) == 2
    last = log.read_text().splitlines()[-2]
    assert last == f"rast-eval: The logits of {expert.name} are not finite: NaN or infinite."
