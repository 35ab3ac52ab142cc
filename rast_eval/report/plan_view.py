"""What `run --dry-run` shows: cells, prompt, budget, memory, downloads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from rast_eval.decoding.memory import meant_dtype, plan_memory, runs_on_cpu
from rast_eval.errors import ModelError, RastEvalError
from rast_eval.inputs import hub, prompts
from rast_eval.machine import main_memory
from rast_eval.report.table import Table, render_table
from rast_eval.runs import pace
from rast_eval.runs.plan import Plan
from rast_eval.types import Cell, ModelRef, Problem, System

CARD_BYTES = 80 * 10**9

HEAD = 12
"""Token ids shown of the first prompt."""


def show(plan: Plan, root: Path, console: Console, hours: str = "") -> None:
    """Print the whole plan to stdout; nothing is loaded or fetched.

    Args:
        hours: what it takes at least on GPUs.
    """
    console.print(f"[bold]Plan[/] for {root}: {_models(plan)}\n", highlight=False)
    render_table(_cells(plan), console)
    console.print()
    render_table(_memory(plan), console)
    for system in plan.by_system():
        need = plan_memory(system, plan.config.engine)
        if need and need.device:
            console.print(f"Here, {_system(system)}: {need.advice()}", highlight=False)
    measured = pace.line(plan, root)
    told = [hours if not runs_on_cpu(plan.config.engine) or plan.config.engine.backend == "vllm" else "", measured]
    for line in filter(None, told):
        console.print(f"\n{line}", highlight=False)
    _print_prompts(plan, console)
    downloads = _downloads(plan)
    console.print(f"\nTo download: {downloads or 'nothing'}", highlight=False)


def _models(plan: Plan) -> str:
    models = plan.config.models
    parts = [f"base {models.base.label}"]
    for delta in models.deltas:
        parts.append(f"delta {delta.weight:g} × ({delta.expert.label} − {delta.antiexpert.label})")
    if models.ceiling:
        parts.append(f"ceiling {models.ceiling.label}")
    return ", ".join(parts) + f"; backend {plan.config.engine.backend}, seed {plan.config.seed}"


def _cells(plan: Plan) -> Table:
    header = ("arm", "benchmark", "prompt", "T/top-p", "problems", "n", "samples", "limit", "tokens ≤")
    rows = []
    samples = tokens = 0
    for cell in plan.cells:
        count = cell.problem_count * cell.n
        budget = count * cell.sampling.max_tokens
        samples, tokens = samples + count, tokens + budget
        drawn = "greedy" if cell.sampling.greedy else f"{cell.sampling.temperature:g}/{cell.sampling.top_p:g}"
        numbers = (cell.problem_count, cell.n, count, cell.sampling.max_tokens)
        rows.append((cell.arm, cell.benchmark, cell.prompt, drawn, *(f"{v:,}" for v in numbers), _short(budget)))
    rows.append(("total", *[""] * 5, f"{samples:,}", "", _short(tokens)))
    return Table("Cells", header, tuple(rows), keys=3)


def _short(count: float) -> str:
    for factor, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= factor:
            return f"{count / factor:.1f}{unit}"
    return f"{count:.0f}"


def _bytes(count: float) -> str:
    for factor, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{count:.0f} B"


def _memory(plan: Plan) -> Table:
    config = plan.config.engine
    on_cpu = config.backend == "hf" and runs_on_cpu(config)
    last = f"of {_bytes(main_memory())}" if on_cpu else "80 GB GPUs ≥"
    drafts = ("drafts",) if config.speculate else ()
    header = ("system", "dtype", "weights", "KV a token", "KV a full sequence", *drafts, last)
    dtype = meant_dtype(config)
    rows = []
    for system, cells in plan.by_system().items():
        label = f"{'/'.join(dict.fromkeys(cell.arm for cell in cells))}: {_system(system)}"
        longest = max(cell.sampling.max_tokens for cell in cells)
        need = plan_memory(system, config, longest=longest, device=main_memory() if on_cpu else CARD_BYTES)
        sizes = ["unknown"] * (4 + len(drafts))
        if need is not None:
            sequence = need.kv_per_token * need.context
            sizes = [*map(_bytes, (need.weights, need.kv_per_token, sequence, *([need.drafts] if drafts else [])))]
            sizes.append(str(need.devices_needed) if not on_cpu else "fits" if need.fits else "too little")
        rows.append((label, "the base's" if dtype == "auto" else dtype, *sizes))
    return Table("Memory", header, tuple(rows))


def _system(system: System) -> str:
    return " + ".join(ref.label for ref in system.members)


def _print_prompts(plan: Plan, console: Console) -> None:
    absent = [name for name, problems in plan.problems.items() if not problems]
    if absent:
        console.print(f"\nRows not on this machine, to be fetched: {', '.join(absent)}", highlight=False)
    for cell in plan.cells:
        if plan.problems[cell.benchmark]:
            _print_prompt(plan, cell, plan.problems[cell.benchmark][0], console)
            return
    prompt = plan.prompts[plan.cells[0].prompt]
    console.print(f"\n[bold]Prompt template[/] {prompt.name}, until the rows are here:", highlight=False)
    console.print(Text(prompt.template))


def _print_prompt(plan: Plan, cell: Cell, problem: Problem, console: Console) -> None:
    prompt = plan.prompts[cell.prompt]
    tokenizer = _tokenizer(plan.config.models.base)
    try:
        text = prompts.render(prompt, problem, tokenizer)
    except ModelError:
        console.print("\nThe first prompt needs the base's chat template, which is not here yet.", highlight=False)
        return
    console.print(f"\n[bold]First prompt[/] ({cell.benchmark}, problem {problem.id}, {prompt.name}):", highlight=False)
    console.print(Text(text))
    if tokenizer is None:
        console.print("Token ids: the tokenizer is not on this machine; the run fetches it.", highlight=False)
        return
    ids = prompts.encode(prompt, text, tokenizer)
    tokens = tokenizer.convert_ids_to_tokens(list(ids[:HEAD]))
    head = " ".join(f"{token}={name!r}" for token, name in zip(ids, tokens, strict=False))
    console.print(Text(f"{len(ids)} token ids, the first {min(HEAD, len(ids))}: {head}"))


def _tokenizer(ref: ModelRef) -> Any:
    from rast_eval.decoding.loading import load_tokenizer

    try:
        return load_tokenizer(ref)
    except RastEvalError:
        return None


def _downloads(plan: Plan) -> str:
    refs = {ref.path: ref for cell in plan.cells for ref in cell.system.members}
    missing = [ref for ref in refs.values() if not hub.is_cached(ref)]
    parts = [f"{ref.path} ({_bytes(size) if (size := hub.download_bytes(ref)) else 'size unknown'})" for ref in missing]
    total = sum(hub.download_bytes(ref) for ref in missing)
    return f"{_bytes(total)} of weights: {', '.join(parts)}" if parts else ""
