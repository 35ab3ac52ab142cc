"""The nouns that cross module boundaries: the architecture on one page.

    benchmarks ─Problem─► prompts ─Request─► engine ─Completion─► store ─Sample─► scorer ─Grade─► metrics
                              plan ─Cell─► (which arm, system, benchmark and sampling)

Data flows one way. Generation never grades, grading never edits an output, reports only read.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, Protocol

from rast_eval.arms import Arm as Arm
from rast_eval.arms import Look as Look
from rast_eval.errors import UsageError
from rast_eval.names import check_name
from rast_eval.systems import LINEAR as LINEAR
from rast_eval.systems import MERGE as MERGE
from rast_eval.systems import Delta as Delta
from rast_eval.systems import FusionRule as FusionRule
from rast_eval.systems import ModelRef as ModelRef
from rast_eval.systems import System as System

FinishReason = Literal["stop", "length"]
"""`stop`: an end token or a stop string; `length`: the token limit."""

GradeStatus = Literal["ok", "no_answer", "timeout", "error"]
"""`no_answer`: nothing could be extracted; `timeout`: over the CPU budget; both count as wrong."""


@dataclass(frozen=True)
class Models:
    """All models a run can use.

    Attributes:
        ceiling: the RL-tuned base, None where there is none.
        prompt: the delta's template, the base's without a delta.
        benchmarks: the family's default benchmarks.
        base_prompt: the base's own template, the one its RL training would use.
        rule: how the deltas enter the base's logits.

    >>> import rast_eval
    >>> family = rast_eval.models("32b", ["14b"])
    >>> type(family).__name__, family.system("rast").label, family.prompt
    ('Models', '32b + Δ14b', 'qwen-boxed')
    """

    base: ModelRef
    deltas: tuple[Delta, ...]
    ceiling: ModelRef | None
    prompt: str
    benchmarks: tuple[str, ...]
    base_prompt: str = ""
    rule: FusionRule = LINEAR

    @property
    def arms(self) -> tuple[Arm, ...]:
        """Arms these models can run, in the order in which they are run."""
        present = ("base", *(["rast"] if self.deltas else []), *(["rl"] if self.ceiling else []))
        return tuple(map(Arm, present))

    @property
    def checkpoints(self) -> tuple[ModelRef, ...]:
        """Every one of them once."""
        members = System(self.base, self.deltas).members
        return tuple(dict.fromkeys([*members, *([self.ceiling] if self.ceiling else [])]))

    def changed(self, change: Callable[[ModelRef], ModelRef]) -> Models:
        """The same models with `change` applied to every checkpoint."""
        deltas = tuple(replace(d, expert=change(d.expert), antiexpert=change(d.antiexpert)) for d in self.deltas)
        ceiling = change(self.ceiling) if self.ceiling else None
        return replace(self, base=change(self.base), deltas=deltas, ceiling=ceiling)

    def system(self, arm: str) -> System:
        """What generates in `arm`.

        Raises:
            UsageError: there is no such model.
        """
        role = Arm(arm).role
        if role == "base":
            return System(self.base)
        if role in ("rast", "merge") and self.deltas:
            return System(self.base, self.deltas, MERGE if role == "merge" else self.rule)
        if role == "expert" and self.deltas:
            return System(self.deltas[0].expert)
        if role == "rl" and self.ceiling:
            return System(self.ceiling)
        missing = "an RL-tuned base: name one with --rl" if role == "rl" else "a delta: name one with --delta"
        raise UsageError(
            f"Arm {arm!r} cannot be run with these models.", f"It needs {missing}, or leave it out of --arms."
        )


@dataclass(frozen=True)
class Sampling:
    """How one token is drawn from the fused logits.

    Attributes:
        temperature: 0 means greedy.
        top_p: nucleus mass in (0, 1].
        max_tokens: limit on generated tokens.
    """

    temperature: float = 1.0
    top_p: float = 0.95
    max_tokens: int = 16384

    @property
    def greedy(self) -> bool:
        """Whether every step takes the most probable token."""
        return self.temperature == 0.0


@dataclass(frozen=True)
class Problem:
    """One benchmark row, e.g. `Problem("gsm8k", "0", "Janet's ducks lay …", "18")`.

    Attributes:
        benchmark: canonical benchmark name.
        id: unique within the benchmark, stable across machines.
        question: the text a prompt template shows the model.
        gold: the reference answer as the benchmark prints it; each scorer normalises it. Code: empty.
        metadata: the row's columns (level, subject, tests, entry_point, …), read by templates and code scorers.
        keep_units: whether units belong to the answer.
    """

    benchmark: str
    id: str
    question: str
    gold: str
    metadata: Mapping[str, Any] = field(default_factory=dict)
    keep_units: bool = False

    @property
    def sha256(self) -> str:
        """Digest of what is asked and what it is judged by: question and gold, for a program the row with its tests."""
        judged_by = self.gold or dict(self.metadata)
        return hashlib.sha256(json.dumps([self.question, judged_by], sort_keys=True, default=str).encode()).hexdigest()


@dataclass(frozen=True)
class Request:
    """One prompt to be continued once.

    Attributes:
        problem_id: `Problem.id`.
        sample: 0 … n−1.
        prompt_token_ids: the base's, and of every member that has none of its own.
        member_token_ids: each member's own, in the order of `System.members`; empty where all read the base's.
        seed: SHA-256 of (seed, benchmark, problem_id, sample), 63 bits; independent of batch and order.
        problem_sha256: `Problem.sha256`.
        prompt_sha256: digest of the prompt's ids, `runs.plan.prompt_sha256`.
    """

    problem_id: str
    sample: int
    prompt_token_ids: tuple[int, ...]
    seed: int
    problem_sha256: str = ""
    prompt_sha256: str = ""
    member_token_ids: tuple[tuple[int, ...], ...] = ()

    @property
    def prompt_length(self) -> int:
        """Tokens of the longest member's prompt."""
        return max(len(self.prompt_token_ids), *map(len, self.member_token_ids), 0)


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
class Sample:
    """One output to be graded against its problem.

    Attributes:
        index: which of the problem's samples, 0 … n−1.
        stops: strings at which scorers cut the output, applied in this order: those of the prompt it answers.
        continues: whether the output goes on with the problem's own text, as under a base model's prompt for code.
    """

    problem: Problem
    index: int
    output: str
    stops: tuple[str, ...] = ()
    continues: bool = False


@dataclass(frozen=True)
class Grade:
    """What a scorer says of one output.

    Attributes:
        prediction: the extracted answer (math) or the extracted program (code).
        correct: whether it is right; False unless status is `ok`.
        vote: equivalence class of the prediction within its problem, by the grader's own
            equivalence, for majority@k; None where nothing was extracted or votes are undefined.
        details: scorer-specific facts (criteria, seconds, …), JSON-serialisable.

    >>> import rast_eval
    >>> rast_eval.grade(["It is 7."], [7])[0]
    Grade(problem_id='0', sample=0, prediction='7', correct=True, status='ok', vote=None, details={})
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
        arm: names the folder under samples/.
        prompt: name of the prompt template.
        stop: strings that end an output, and at which scorers cut it.
        continues: whether an output goes on with the problem's own text (`Prompt.continues`).
        fingerprint: 16 hex digits over everything that can change an output, save limit and n.
        total: problems that the benchmark has; 0 where that is not known.
        draw: seed by which `problem_count` of them were drawn; None for the first ones.
        until: half-width in points at which sampling stops before n samples; None for never.
        template_sha256: digest of the prompt's template.
        member_prompts: (role, template, its digest) of roles that read another template: expert, antiexpert.
        dtype: `EngineConfig.numbers`; a session holds what the engine made of `auto`.
    """

    arm: Arm
    system: System
    benchmark: str
    scorer: str
    sampling: Sampling
    prompt: str
    stop: tuple[str, ...]
    n: int
    problem_count: int
    fingerprint: str
    template_sha256: str = ""
    seed: int = 0
    backend: str = "hf"
    dtype: str = "auto"
    continues: bool = False
    total: int = 0
    draw: int | None = None
    until: float | None = None
    member_prompts: tuple[tuple[str, str, str], ...] = ()

    def __post_init__(self) -> None:
        """Refuse names that could leave the run directory, be they a YAML's or a manifest's."""
        check_name("benchmark", self.benchmark)
        check_name("scorer", self.scorer)

    @property
    def name(self) -> str:
        """`rast/math500`: its place under samples/ and grades/."""
        return f"{self.arm}/{self.benchmark}"

    def to_json(self) -> dict[str, Any]:
        """As manifests have it: null for what is not known of its sampling."""
        row = asdict(self)
        sampling = {key: None if value != value else value for key, value in row["sampling"].items()}
        return {**row, "system": self.system.to_json(), "sampling": sampling}

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Cell:
        """The cell as `to_json` wrote it.

        Raises:
            KeyError, TypeError, ValueError, UsageError: it lacks what a cell has, or names what no run does.
        """
        system = row["system"]
        deltas = tuple(
            Delta(ModelRef(**d["expert"]), ModelRef(**d["antiexpert"]), d["weight"]) for d in system["deltas"]
        )
        nouns = {
            "arm": Arm(row["arm"]),
            "system": System(ModelRef(**system["base"]), deltas, FusionRule.parse(system.get("rule", str(LINEAR)))),
            "sampling": Sampling(**{k: math.nan if x is None else x for k, x in row["sampling"].items()}),  # type: ignore[arg-type]
            "stop": tuple(row["stop"]),
            "member_prompts": tuple(map(tuple, row.get("member_prompts", ()))),
        }
        return cls(**{**row, **nouns})


class Engine(Protocol):
    """Anything that continues prompts: `decoding.hf.HFEngine`, `decoding.vllm.VLLMEngine`."""

    @property
    def settings(self) -> Mapping[str, Any]:
        """What the backend made of its configuration: dtype, attention, device, context.

        Under `speculation`, where something drafts, also what became of its tokens since the last `reweight`.
        """

    @property
    def activity(self) -> tuple[int, int]:
        """On how many positions the system's rule acted so far, of how many; asked of other rules than Eq. 3 only."""

    def generate(
        self, requests: Sequence[Request], sampling: Sampling, stop: Sequence[str], stop_token_ids: Sequence[int]
    ) -> Iterator[Completion]:
        """Yield one `Completion` per request, in the order in which they finish."""

    def reweight(self, system: System) -> None:
        """Go on with other λ or rule; `system` has the members that the engine was made with."""

    def close(self) -> None:
        """Free the models' memory. The engine is unusable afterwards."""


class Scorer(Protocol):
    """Anything that judges outputs; `scoring.registry` knows which there are.

    Attributes:
        version: changes with every change that can move a grade.
    """

    name: str
    version: str

    def grade(self, samples: Sequence[Sample], workers: int | None = None) -> list[Grade]:
        """Grades in the order of `samples`; never raises for what a model wrote."""
