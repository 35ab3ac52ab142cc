"""Flags that several commands share, each declared once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer

from rast_eval.cli import parsing
from rast_eval.config import CodeScoring, EngineConfig, LimitFrom, RunConfig
from rast_eval.errors import UnknownName, UsageError
from rast_eval.inputs import hub
from rast_eval.inputs.models import include, parse_weight, resolve_models
from rast_eval.logs.plain import Keys
from rast_eval.types import Models

LogFiles = Annotated[
    list[Path],
    typer.Argument(metavar="FILE…", help="Outputs: JSON lines, JSON, .gz, .eval, .parquet; - reads standard input."),
]
RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="Folder that `rast-eval run` wrote.")]
Ceiling = Annotated[str | None, typer.Option("--rl", help="The RL-tuned base, for the arm rl.")]
Lambda = Annotated[str, typer.Option("--lambda", help="λ of every delta that names none of its own.")]
ScorerName = Annotated[
    str | None, typer.Option("--scorer", help="simplerl or strict for math.", show_default="the benchmark's")
]
GradesOf = Annotated[
    str | None,
    typer.Option("--scorer", help="Whose math grades are read: simplerl or strict.", show_default="the run's"),
]
LoggedPrompt = Annotated[
    str | None,
    typer.Option("--prompt", help="Template they answer; its stop words cut them.", show_default="qwen-boxed"),
]
PromptName = Annotated[str | None, typer.Option("--prompt", help="Template for all arms.", show_default="the delta's")]
Benchmarks = Annotated[
    list[str] | None,
    typer.Option("--benchmarks", "-b", "--tasks", "-t", help="Benchmarks, comma-separated or repeated."),
]
BenchmarkName = Annotated[str | None, typer.Option("--benchmark", "-b", help="Where the problems come from.")]
Seed = Annotated[int, typer.Option(help="Seeds every sample, and every draw of problems, through SHA-256.")]
MaxTokens = Annotated[int | None, typer.Option(help="Generated tokens at most.", show_default="the benchmark's")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace the samples that are there.")]
DataDir = Annotated[Path | None, typer.Option(help="Folder of local benchmark files [env: RAST_EVAL_DATA].")]
Speculate = Annotated[str, typer.Option(help="Tokens that the expert drafts a pass: a number, auto or off.")]
IncludePath = Annotated[Path | None, typer.Option(help="Folder of your own benchmarks, prompts and models.toml.")]


@dataclass(frozen=True)
class ModelFlags:
    """What generates."""

    base: Annotated[
        str | None,
        typer.Option(
            help="Large model: a short name (32b), hub id or folder.", show_default="the embedded tiny family"
        ),
    ] = None
    delta: Annotated[
        list[str] | None, typer.Option(help="Small pair by short name, with its own λ if you like: 14b:0.7.")
    ] = None
    expert: Annotated[str | None, typer.Option(help="Small RL-tuned model; goes with --antiexpert.")] = None
    antiexpert: Annotated[str | None, typer.Option(help="The small model the expert was tuned from.")] = None
    revision: Annotated[
        list[str] | None,
        typer.Option(help="Of the base on the hub, or ORG/NAME=REVISION of any checkpoint; also org/name@revision."),
    ] = None

    rule: Annotated[
        str, typer.Option(help="How deltas are added: linear, or another with its parameters: gated:entropy=0.5.")
    ] = "linear"

    def models(self, weight: str = "1.0", rl: str | None = None) -> Models:
        """The models that the flags name; see `resolve_models` for what is refused.

        Raises:
            UsageError: two revisions of the base, or one of a checkpoint that is not among the models.
        """
        value, revisions = parse_weight(weight, "--lambda"), self.revision or []
        pins = dict(text.rsplit("=", 1) for text in revisions if "=" in text)
        plain = [text for text in revisions if "=" not in text]
        if len(plain) > 1:
            raise UsageError(
                f"--revision {plain[1]} is a second revision of the base.", "Type --revision ORG/NAME=REVISION."
            )
        own = plain[0] if plain else None
        found = resolve_models(self.base, self.delta or (), self.expert, self.antiexpert, rl, value, own)
        paths = {ref.path for ref in found.checkpoints}
        for path in pins.keys() - paths:
            raise UnknownName("checkpoint in this run", path, paths)
        found = found.changed(lambda ref: replace(ref, revision=pins.get(ref.path, ref.revision)))
        return replace(found, rule=parsing.parse_rule(self.rule, found))


@dataclass(frozen=True)
class SourceFlags:
    """Where benchmarks, prompts and checkpoints come from.

    Raises:
        UsageError: a folder that is none.
    """

    data_dir: DataDir = None
    include_path: IncludePath = None
    offline: Annotated[bool, typer.Option("--offline", help="Use the local hub cache only.")] = False

    def __post_init__(self) -> None:
        """Check the folders, and close the hub where that is asked for."""
        parsing.existing_folder(self.data_dir, "--data-dir")
        include(parsing.existing_folder(self.include_path, "--include-path"))
        if self.offline:
            hub.set_offline()


@dataclass(frozen=True)
class EngineFlags:
    """Where and how the models run: `config.EngineConfig` as flags of the same names."""

    backend: Annotated[
        str | None, typer.Option(help="hf or vllm.", show_default="vllm where it is installed beside a GPU")
    ] = None
    dtype: Annotated[str, typer.Option(help="auto, float32, bfloat16 or float16, for every member.")] = "auto"
    head_dtype: Annotated[str, typer.Option(help="Of the members' heads: auto, or float32 for finer logits.")] = "auto"
    tensor_parallel_size: Annotated[int, typer.Option(min=1, help="GPUs a model is split over (vllm).")] = 1
    pipeline_parallel_size: Annotated[int, typer.Option(min=1, help="Pipeline stages (vllm).")] = 1
    data_parallel_size: Annotated[int, typer.Option(min=1, help="Engines side by side (vllm).")] = 1
    gpu_memory_utilization: Annotated[float, typer.Option(min=0.01, max=1.0, help="Share of the GPU (vllm).")] = 0.9
    max_model_len: Annotated[int | None, typer.Option(min=1, help="Context window in tokens.")] = None
    max_num_seqs: Annotated[int | None, typer.Option(min=1, help="Sequences decoded together.")] = None
    enforce_eager: Annotated[bool, typer.Option("--enforce-eager", help="No CUDA graphs, no compilation.")] = False
    hf_overrides: Annotated[
        str | None, typer.Option(metavar="JSON", help="Fields of config.json to replace in every member (hf).")
    ] = None
    speculate: Speculate = "off"
    ray: Annotated[
        str | None,
        typer.Option(
            metavar="[ADDRESS]", help="Spread over the Ray cluster there; without an address, over this machine."
        ),
    ] = None

    def config(self, models: Models, seed: int = 0, offline: bool = False) -> EngineConfig:
        """The engine's settings.

        Args:
            models: the embedded ones run on transformers unless --backend says otherwise.
        """
        resolved = {
            "backend": parsing.resolve_backend(self.backend, models),
            "dtype": parsing.resolve_dtype(self.dtype),
            "head_dtype": parsing.resolve_dtype(self.head_dtype, "--head-dtype"),
            "hf_overrides": parsing.parse_overrides(self.hf_overrides),
            "speculate": parsing.parse_speculate(self.speculate),
        }
        return EngineConfig(**{**vars(self), **resolved}, seed=seed, offline=offline)


@dataclass(frozen=True)
class RunFlags:
    """What is generated, in `run` and at every point of a `sweep`: `config.RunConfig` as flags of the same names."""

    benchmarks: Benchmarks = None
    n: Annotated[int | None, typer.Option(help="Samples a problem.", show_default="the benchmark's")] = None
    limit: Annotated[int | None, typer.Option("--limit", "-L", help="Only L problems of each benchmark.")] = None
    limit_from: Annotated[LimitFrom, typer.Option(help="Which: head, the first ones, or random, a draw by --seed.")] = (
        LimitFrom.head
    )
    until: Annotated[
        str | None,
        typer.Option(
            metavar="±POINTS",
            help="Stop a cell once its score is known to ± so many points over seeds, as in ±1.0; --n is the most.",
        ),
    ] = None
    top_p: Annotated[float | None, typer.Option(help="Nucleus mass.", show_default="the benchmark's")] = None
    max_tokens: MaxTokens = None
    seed: Seed = 0
    prompt: PromptName = None
    expert_prompt: Annotated[str | None, typer.Option(help="Template that the experts read instead (hf).")] = None
    antiexpert_prompt: Annotated[str | None, typer.Option(help="The same for the antiexperts.")] = None
    preset: Annotated[
        str | None, typer.Option(help="Protocol: paper, or released (its scripts); see docs/reproducing.md.")
    ] = None
    scorer: ScorerName = None

    def config(
        self,
        models: Models,
        arms: Sequence[str],
        temperature: float | None,
        engine: EngineFlags,
        sources: SourceFlags,
        grading: GradingFlags,
        shard: tuple[int, int] | None = None,
    ) -> RunConfig:
        """Everything that these flags decide together."""
        until = None if self.until is None else parsing.parse_points(self.until, "--until")
        own = {**vars(self), "benchmarks": parsing.split_names(self.benchmarks), "until": until}
        return RunConfig(
            **own,
            models=models,
            arms=tuple(arms),
            temperature=temperature,
            engine=engine.config(models, self.seed, sources.offline),
            data_dir=sources.data_dir,
            include_path=sources.include_path,
            shard=shard,
            code=grading.code,
        )


@dataclass(frozen=True)
class KeyFlags:
    """Where rows of one's own have their parts."""

    output_key: Annotated[str | None, typer.Option(help="Key of the output, as in doc.text.")] = None
    gold_key: Annotated[str | None, typer.Option(help="Key of the gold answer.")] = None
    id_key: Annotated[str | None, typer.Option(help="Key of the problem's id.")] = None

    @property
    def layout(self) -> Keys | None:
        """The layout that they tell; None where none is typed."""
        keys = Keys(self.output_key, self.gold_key, self.id_key)
        return None if keys == Keys() else keys


@dataclass(frozen=True)
class GradingFlags:
    """How outputs are judged.

    Raises:
        UsageError: no number of processes.
    """

    workers: Annotated[int | None, typer.Option(help="Grading processes.", show_default="one a core")] = None
    evalplus_rules: Annotated[
        str, typer.Option(help="Time limits of HumanEval+ and MBPP+: master (4 s) or 0.3.1 (1 s).")
    ] = "master"
    lcb_io: Annotated[
        str, typer.Option(help="LiveCodeBench's check that counts: process (real pipes) or official.")
    ] = "process"
    unsafe: Annotated[
        bool,
        typer.Option(
            "--unsafe-code-execution",
            help="Without bubblewrap: limits and a system-call filter only; programs see your files.",
        ),
    ] = False

    def __post_init__(self) -> None:
        """Check the number of processes."""
        if self.workers is not None and self.workers < 1:
            raise UsageError(f"--workers {self.workers} is not a number of processes.", "Type --workers 1 or more.")

    @property
    def code(self) -> CodeScoring:
        """How programs are judged."""
        return CodeScoring(self.evalplus_rules, self.lcb_io, self.unsafe)


def pinned(models: Models) -> Models:
    """The models with every hub checkpoint at the commit it has now."""
    return models.changed(hub.pin)
