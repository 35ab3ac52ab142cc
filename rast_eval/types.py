"""The dataclasses that cross module boundaries: the architecture on one page.

    benchmarks ─Problem─► prompts ─Request─► engine ─Completion─► store ─► scorer ─Grade─► metrics
                              plan ─Cell─► (which system, benchmark and sampling)

Data flows one way. Generation never grades, grading never edits an output, reports only read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from rast_eval.config import Sampling, System

FinishReason = Literal["stop", "length"]
"""`stop`: an end token or a stop string; `length`: the token limit."""

GradeStatus = Literal["ok", "no_answer", "timeout", "error"]
"""`no_answer`: nothing could be extracted; `timeout`: over the CPU budget; both count as wrong."""


@dataclass(frozen=True)
class Problem:
    """One benchmark row, e.g. `Problem("gsm8k", "0", "Janet's ducks lay …", "18")`.

    Attributes:
        benchmark: canonical benchmark name.
        id: unique within the benchmark, stable across machines.
        question: the text a prompt template shows the model.
        gold: what the scorer compares with. Math: the normalised gold answer. Code: empty.
        metadata: the remaining columns (level, subject, tests, entry_point, …), read by scorers.
    """

    benchmark: str
    id: str
    question: str
    gold: str
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Request:
    """One prompt to be continued once.

    Attributes:
        problem_id: `Problem.id`.
        sample: 0 … n−1.
        prompt_token_ids: the same ids for every member of the system.
        seed: SHA-256 of (seed, benchmark, problem_id, sample), 63 bits; independent of batch and order.
    """

    problem_id: str
    sample: int
    prompt_token_ids: tuple[int, ...]
    seed: int


@dataclass(frozen=True)
class Completion:
    """What came back for one `Request`; `output` is never edited.

    Attributes:
        output: generated text without special tokens and without the stop string.
        num_tokens: generated tokens, the end token not counted.
        stop_reason: the stop string or id that ended it; None for the tokenizer's own end token.
        token_ids: the generated ids (end token excluded), where the backend returns them.
    """

    problem_id: str
    sample: int
    output: str
    num_tokens: int
    finish_reason: FinishReason
    stop_reason: str | int | None = None
    token_ids: tuple[int, ...] = ()


@dataclass(frozen=True)
class GradeJob:
    """One output to be judged against its problem.

    Attributes:
        prompt: name of the prompt template: SimpleRL truncates at stop words that depend on it.
    """

    problem: Problem
    sample: int
    output: str
    prompt: str = "qwen-boxed"


@dataclass(frozen=True)
class Grade:
    """The verdict on one output.

    Attributes:
        prediction: the extracted answer (math) or the extracted program (code).
        correct: the verdict; False unless status is `ok`.
        vote: equivalence class of the prediction within its problem, by the grader's own
            equivalence, for majority@k; None where nothing was extracted or votes are undefined.
        details: scorer-specific facts (base/plus verdicts, seconds, …), JSON-serialisable.
    """

    problem_id: str
    sample: int
    prediction: str
    correct: bool
    status: GradeStatus
    vote: int | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Cell:
    """One system on one benchmark with one sampling setting: N problems × n samples.

    Attributes:
        arm: `base`, `base@sampled`, `rast`, `rl` or `expert`; names the folder under samples/.
        prompt: name of the prompt template.
        stop: strings that end an output.
        fingerprint: 16 hex digits over everything that can change an output, save limit and n.
    """

    arm: str
    system: System
    benchmark: str
    scorer: str
    sampling: Sampling
    prompt: str
    stop: tuple[str, ...]
    n: int
    problem_count: int
    fingerprint: str


class Engine(Protocol):
    """Anything that continues prompts: `decoding.hf.HFEngine`, `decoding.vllm.VLLMEngine`."""

    def generate(
        self, requests: Sequence[Request], sampling: Sampling, stop: Sequence[str], stop_token_ids: Sequence[int]
    ) -> Iterator[Completion]:
        """Yield one `Completion` per request, in the order in which they finish."""

    def reweight(self, system: System) -> None:
        """Go on with other λ; `system` has the members that the engine was made with."""

    def close(self) -> None:
        """Free the models' memory. The engine is unusable afterwards."""


class Scorer(Protocol):
    """Anything that judges outputs: `simplerl`, `strict`, `evalplus`, `livecodebench`."""

    name: str

    def grade(self, jobs: Sequence[GradeJob], workers: int | None = None) -> list[Grade]:
        """Verdicts in the order of `jobs`; never raises for what a model wrote."""
