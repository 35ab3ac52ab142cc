"""Whether a run is what it says: every digest, seed, grade and figure computed again, one line a claim.

    for claim in Verification(Path("results/demo")).claims():
        print(claim.status, claim.name, claim.found)

Nothing is written. What cannot be computed here, for want of a checkpoint, a file or a sandbox, is said and not failed.
"""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from rast_eval.config import DEFAULT_CODE, CodeScoring
from rast_eval.decoding.loading import load_tokenizer
from rast_eval.errors import RastEvalError, StoreError
from rast_eval.inputs import prompts
from rast_eval.inputs.benchmarks import canonical_sha256
from rast_eval.inputs.identity import changed_parts, fresh_sha256, identity
from rast_eval.inputs.prompts import Prompt
from rast_eval.results.digests import belongs
from rast_eval.results.lines import Damage, read_grade, read_lines
from rast_eval.results.metrics import evaluate_run, to_jsonable
from rast_eval.results.reader import load_run
from rast_eval.results.samples import key_of
from rast_eval.results.store import Store
from rast_eval.runs.grading import benchmark_of, grades_of, rows_of
from rast_eval.runs.plan import fingerprint, prompt_sha256, request_seed
from rast_eval.scoring.registry import get_scorer
from rast_eval.types import Cell, Grade, ModelRef, Problem

Status = Literal["ok", "FAILED", "not checkable"]

UNSURE = ("timeout", "error")
"""A grade that says so may differ on a busier machine."""


@dataclass(frozen=True)
class Claim:
    """One line of `verify`.

    Attributes:
        name: what is claimed, e.g. `weights of tiny-m`.
        found: what was computed, or what differs, or why it could not be checked.
    """

    name: str
    status: Status
    found: str


class Verification:
    """All claims of one run.

    Args:
        data_dir, include_path: where the benchmarks lie; None for where the run had them.
        code: how programs are judged.

    Raises:
        StoreError: the folder holds no readable run.
    """

    def __init__(
        self,
        root: Path,
        *,
        workers: int | None = None,
        data_dir: Path | None = None,
        include_path: Path | None = None,
        code: CodeScoring = DEFAULT_CODE,
    ) -> None:
        self.run, self.store = load_run(root), Store(root)
        if not self.run.manifest:
            raise StoreError(self.run.notes[0], "Mend the manifest first; without it there is little to verify.")
        self._workers, self._code = workers, code
        self._folders = {"data_dir": data_dir, "include_path": include_path}

    def claims(self) -> Iterator[Claim]:
        """Every claim that needs no model, as it is checked."""
        yield from self._checkpoints()
        for benchmark in dict.fromkeys(cell.benchmark for cell in self.run.cells):
            yield self._rows(benchmark)
        for cell in self.run.cells:
            yield self._settings(cell)
            yield self._samples(cell)
            yield self._questions(cell)
            yield self._prompts(cell)
            yield from self._grades(cell)
        yield self._metrics()

    @cached_property
    def problems(self) -> dict[str, list[Problem] | str]:
        """Rows of each benchmark, or why they are not here."""
        found: dict[str, list[Problem] | str] = {}
        for name in dict.fromkeys(cell.benchmark for cell in self.run.cells):
            try:
                with warnings.catch_warnings(action="ignore"):  # what they warn of stands in the manifest
                    benchmark = benchmark_of(self.run, name, self._folders["include_path"])
                    found[name] = rows_of(self.run, benchmark, self._folders["data_dir"])
            except RastEvalError as error:
                found[name] = error.message
        return found

    def prompt_ids(self, cell: Cell) -> dict[str, tuple[int, ...]]:
        """Token ids of every problem's prompt, from the template as the manifest holds it.

        Raises:
            RastEvalError: rows or tokenizer are not here.
        """
        problems = self.problems[cell.benchmark]
        if isinstance(problems, str):
            raise StoreError(problems, "")
        prompt, tokenizer = self.prompt(cell), self.tokenizer()
        return {
            problem.id: prompts.encode(prompt, prompts.render(prompt, problem, tokenizer), tokenizer)
            for problem in problems[: cell.problem_count]
        }

    def prompt(self, cell: Cell) -> Prompt:
        """The template as the manifest holds it, with the cell's stops.

        Raises:
            StoreError: it holds none of that name.
        """
        kept = self._part("prompts", cell.prompt)
        return Prompt(cell.prompt, "", kept["template"], cell.stop, tuple(kept["stop_tokens"]), cell.continues)

    def tokenizer(self) -> Any:
        """The base's, which encoded the prompts of every arm.

        Raises:
            StoreError: the manifest does not name it.
            ModelError: it is not here.
        """
        return load_tokenizer(ModelRef(**{key: self._part("base", key) for key in ("path", "revision", "name")}))

    def _part(self, part: str, key: str) -> Any:
        """An entry of the manifest."""
        try:
            return self.run.manifest[part][key]
        except KeyError as error:
            raise StoreError(f"the manifest says nothing of {key} under {part}", "") from error

    def _checkpoints(self) -> Iterator[Claim]:
        members = {ref.key: ref for cell in self.run.cells for ref in cell.system.members}
        for key, stored in self.run.manifest.get("checkpoints", {}).items():
            ref = members.get(key, ModelRef(key))
            name = f"checkpoint {ref.label}"
            if "weights" not in stored:
                commit = stored.get("commit")
                known = f"on the hub at commit {commit}" if commit else "on the hub, at an unknown commit"
                yield Claim(name, "ok" if commit else "not checkable", known)
            elif not Path(ref.path).is_dir():
                yield Claim(name, "not checkable", f"{ref.path} is not here")
            elif parts := changed_parts(stored, identity(ref, fresh_sha256)):
                yield Claim(name, "FAILED", f"{', '.join(parts)} changed")
            else:
                yield Claim(name, "ok", f"{', '.join(stored)} as recorded")

    def _rows(self, benchmark: str) -> Claim:
        name, problems = f"rows of {benchmark}", self.problems[benchmark]
        if isinstance(problems, str):
            return Claim(name, "not checkable", problems)
        try:
            stored = self._part("benchmarks", benchmark)
        except StoreError as error:
            return Claim(name, "not checkable", error.message)
        if canonical_sha256(problems) != stored["sha256"]:
            return Claim(
                name, "FAILED", f"{len(problems)} rows whose sha256 is not that of the run's {stored['count']}"
            )
        known = "those this version knows" if stored["as_known"] else "not those this version knows"
        return Claim(name, "ok", f"{len(problems)} rows as recorded, {known}")

    def _settings(self, cell: Cell) -> Claim:
        name = f"settings of {cell.name}"
        try:
            prompt, known = self.prompt(cell), {r.key: self._part("checkpoints", r.key) for r in cell.system.members}
        except StoreError as error:
            return Claim(name, "not checkable", error.message)
        if prompt.sha256 != cell.template_sha256:
            return Claim(name, "FAILED", f"the text of prompt {cell.prompt} is not the one the samples were made with")
        sessions = [one for one in self.run.manifest.get("sessions", []) if cell.name in one.get("cells", [])]
        drafted = {0, *(one.get("engine", {}).get("speculate", 0) for one in sessions)}
        if all(fingerprint(cell, known, count) != cell.fingerprint for count in drafted):
            return Claim(name, "FAILED", f"they do not give the fingerprint {cell.fingerprint}")
        return Claim(name, "ok", f"they give the fingerprint {cell.fingerprint}")

    def _samples(self, cell: Cell) -> Claim:
        name = f"samples of {cell.name}"
        sessions = {session["id"] for session in self.run.manifest["sessions"]}
        count, problems = 0, set()
        with warnings.catch_warnings(record=True) as damaged:
            warnings.simplefilter("always")
            for row in self.store.heads(cell):
                where = f"problem {row['problem_id']!r}, sample {row['sample']}"
                if row.get("seed") is None:
                    return Claim(
                        name, "not checkable", f"{where} carries no seed: it was not generated by this program"
                    )
                if row["seed"] != request_seed(cell.seed, cell.benchmark, row["problem_id"], row["sample"]):
                    return Claim(name, "FAILED", f"{where}: its seed does not follow from the run's")
                if row["session"] not in sessions:
                    return Claim(name, "FAILED", f"{where}: the manifest knows no session {row['session']!r}")
                if row["sample"] < cell.n:
                    count += 1
                    problems.add(row["problem_id"])
        if damaged:
            return Claim(name, "FAILED", str(damaged[0].message))
        wanted = cell.problem_count * cell.n
        if count < wanted:
            return Claim(name, "not checkable", f"{count} of {wanted} are there; the run is not finished")
        return Claim(name, "ok", f"{count} outputs of {len(problems)} problems have their digest, seed and session")

    def _questions(self, cell: Cell) -> Claim:
        name, problems = f"questions of {cell.name}", self.problems[cell.benchmark]
        if isinstance(problems, str):
            return Claim(name, "not checkable", problems)
        digests = {problem.id: problem.sha256 for problem in problems}
        return self._digests(name, cell, "problem_sha256", digests, "question and gold")

    def _prompts(self, cell: Cell) -> Claim:
        name = f"prompts of {cell.name}"
        try:
            ids = self.prompt_ids(cell)
        except RastEvalError as error:
            return Claim(name, "not checkable", error.message)
        return self._digests(
            name, cell, "prompt_sha256", {key: prompt_sha256(row) for key, row in ids.items()}, "prompt"
        )

    def _digests(self, name: str, cell: Cell, key: str, wanted: Mapping[str, str], what: str) -> Claim:
        seen = set()
        for row in self.store.heads(cell):
            if row["problem_id"] in wanted and row[key] != wanted[row["problem_id"]]:
                return Claim(name, "FAILED", f"problem {row['problem_id']!r} was asked with another {what}")
            seen.add(row["problem_id"])
        return Claim(name, "ok", f"{len(seen & wanted.keys())} problems have the {what} of their samples")

    def _grades(self, cell: Cell) -> Iterator[Claim]:
        folder = self.store.grades_file(cell, "*").parent
        for path in sorted(folder.glob(f"{cell.benchmark}.*.jsonl")):
            scorer = path.name.removeprefix(f"{cell.benchmark}.").removesuffix(".jsonl")
            yield self._graded(cell, scorer, path)

    def _graded(self, cell: Cell, scorer: str, path: Path) -> Claim:
        name, damage = f"grades of {cell.name} by {scorer}", list[Damage]()
        with path.open("rb") as handle:
            rows = {key_of(row): row for _, row in read_lines(handle, read_grade, damage)}
        digests = {key_of(row): row["output_sha256"] for row in self.store.heads(cell)}
        strangers = [key for key, row in rows.items() if not belongs(row, digests.get(key, ""), scorer)]
        if damage or strangers:
            first = (
                f"problem {strangers[0][0]!r}, sample {strangers[0][1]}" if strangers else f"line {damage[0][0].number}"
            )
            return Claim(
                name, "FAILED", f"{len(damage) + len(strangers)} belong to no stored output, the first: {first}"
            )
        missing = sum(key not in rows for key in digests if key[1] < cell.n)
        if missing:
            return Claim(name, "not checkable", f"{missing} samples are not graded yet")
        problems = self.problems[cell.benchmark]
        if isinstance(problems, str):
            return Claim(name, "not checkable", problems)
        try:
            judge = get_scorer(scorer, self._code)
        except RastEvalError as error:
            return Claim(name, "not checkable", error.message)
        versions = {row["scorer_version"] for row in rows.values()}
        if versions != {judge.version}:
            told = f"judged by version {', '.join(sorted(versions))}, and {judge.version} is here"
            return Claim(name, "not checkable", told)
        with self.store.open_samples(cell) as stored:
            again = list(grades_of(stored, cell, problems, judge, self._workers))
        return _compared(name, rows, again)

    def _metrics(self) -> Claim:
        name, path = "metrics.json", self.run.path / "metrics.json"
        if not path.is_file():
            return Claim(name, "not checkable", "it is not there; `rast-eval report` writes it")
        try:
            stored = json.loads(path.read_bytes())
            other = {cell["scorer"] for cell in stored["cells"]} - {cell.scorer for cell in self.run.cells}
            with warnings.catch_warnings(action="ignore"):
                found = evaluate_run(self.run.path, next(iter(other), None), stored["estimator"])
        except (ValueError, KeyError, TypeError) as error:
            return Claim(name, "FAILED", f"it is no metrics of a run ({error!r})")
        except RastEvalError as error:
            return Claim(name, "FAILED", error.message)
        again = json.loads(json.dumps(to_jsonable(found)))
        for key in ("cells", "average_recovery"):
            if place := _difference(stored[key], again[key], key):
                return Claim(name, "FAILED", f"{place} is not what the grades give")
        return Claim(name, "ok", f"every figure of {len(again['cells'])} cells follows from the grades")


def _compared(name: str, rows: Mapping[tuple[str, int], Mapping[str, Any]], again: Sequence[Grade]) -> Claim:
    unsure = 0
    for grade in again:
        row = rows[grade.problem_id, grade.sample]
        if row["status"] in UNSURE or grade.status in UNSURE:
            unsure += 1
            continue
        for key in ("correct", "prediction", "status", "vote"):
            if row[key] != getattr(grade, key):
                told = f"problem {grade.problem_id!r}, sample {grade.sample}: {key} is {row[key]!r}"
                return Claim(name, "FAILED", f"{told}, and {getattr(grade, key)!r} when judged again")
    rest = f"; {unsure} ran out of time or failed and were left out" if unsure else ""
    return Claim(name, "ok", f"{len(again)} outputs judged again, with the same result{rest}")


def _difference(stored: Any, again: Any, place: str) -> str | None:
    """Where two JSON values differ by more than rounding."""
    if isinstance(stored, float | int) and isinstance(again, float | int):
        return None if math.isclose(stored, again, rel_tol=1e-9, abs_tol=1e-12) else place
    if isinstance(stored, dict) and isinstance(again, dict):
        keys = [*stored, *(key for key in again if key not in stored)]
        return next((p for key in keys if (p := _difference(stored.get(key), again.get(key), f"{place}.{key}"))), None)
    if isinstance(stored, list) and isinstance(again, list) and len(stored) == len(again):
        pairs = enumerate(zip(stored, again, strict=True))
        return next((p for i, (a, b) in pairs if (p := _difference(a, b, f"{place}[{i}]"))), None)
    return None if stored == again else place
