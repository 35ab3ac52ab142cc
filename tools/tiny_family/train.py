"""Regenerate the whole family from one seed: `python -m tools.tiny_family.train --seed 0 --work build/tiny`.

The stages are tokenizer, then for each size pre-training and RL, then the model cards. Each stage leaves its result
in the work folder and is skipped when that is there; within a stage a checkpoint is written every few steps, so that
an interrupted run continues where it was. The sizes are trained side by side, one thread each.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import torch
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from tokenizers import Tokenizer

from rast_eval.tiny.task import FULL, LEVELS
from tools.tiny_family.cards import write_cards
from tools.tiny_family.grpo import Grpo, Plateau, accuracy
from tools.tiny_family.model import SHAPES, TinyModel, load_checkpoint, save_checkpoint
from tools.tiny_family.pretrain import Pretraining, encode
from tools.tiny_family.recipe import RECIPES, TOKENIZER_MIX, banned_puzzles, dev_puzzles, documents, worded
from tools.tiny_family.tokenizer import save_tokenizer, train_tokenizer
from tools.tiny_family.workers import pool

SAVE_SECONDS = 30.0
DEV_EVERY = 10  # RL steps between two looks at the dev set


class StageLog:
    """Progress, CPU seconds and the resumable state of one stage, kept in `<work>/<stage>.*`."""

    def __init__(self, work: Path, stage: str) -> None:
        self.state_path, self.status_path = work / f"{stage}.state.pt", work / f"{stage}.status.json"
        self.cpu_before, self.wall_before = 0.0, 0.0
        self.cpu, self.wall, self.saved = time.process_time(), time.monotonic(), time.monotonic()

    def restore(self) -> dict[str, Any] | None:
        """The state of an interrupted run of this stage."""
        if not self.state_path.exists():
            return None
        state: dict[str, Any] = torch.load(self.state_path, weights_only=False)
        self.cpu_before, self.wall_before = state["cpu"], state["wall"]
        return state

    @property
    def seconds(self) -> dict[str, float]:
        """CPU and wall seconds spent on the stage, over all interruptions."""
        return {
            "cpu": self.cpu_before + time.process_time() - self.cpu,
            "wall": self.wall_before + time.monotonic() - self.wall,
        }

    def report(self, done: int, total: int, text: str) -> None:
        """Tell the progress bar, which runs in another process."""
        _replace(self.status_path, json.dumps({"done": done, "total": total, "text": text}))

    def save(self, state: Callable[[], dict[str, Any]], force: bool = False) -> None:
        """Write the state, at most every `SAVE_SECONDS`."""
        if force or time.monotonic() - self.saved > SAVE_SECONDS:
            unfinished = self.state_path.with_suffix(".tmp")
            torch.save(state() | self.seconds, unfinished)
            os.replace(unfinished, self.state_path)
            self.saved = time.monotonic()


def _replace(path: Path, text: str) -> None:
    unfinished = path.with_suffix(".tmp")
    unfinished.write_text(text)
    os.replace(unfinished, path)


def pretrain_stage(size: str, seed: int, work: Path) -> None:
    """Pre-train `size` and leave `<work>/<size>-base`."""
    recipe, log = RECIPES[size], StageLog(work, f"{size}-base")
    tokenizer = Tokenizer.from_file(str(work / "tokenizer" / "tokenizer.json"))
    corpus = encode(tokenizer, list(documents(seed_of(seed, size, "corpus"), recipe.documents)))
    torch.manual_seed(seed_of(seed, size, "init"))
    training = Pretraining(TinyModel(SHAPES[size]), corpus, recipe.batch, recipe.lr, seed_of(seed, size, "order"))
    state = log.restore()
    if state:
        training.load_state_dict(state)
    while training.done < training.total:
        training.step()
        if training.done % 10 == 0 or training.done == training.total:
            log.report(training.done, training.total, f"loss {training.loss:.3f}")
            log.save(training.state_dict)
    tokens = sum(len(document.ids) for document in corpus)
    facts = {"documents": recipe.documents, "tokens": tokens, "loss": training.loss, "seconds": log.seconds}
    _finish(training.model, work, f"{size}-base", {"seed": seed, "recipe": asdict(recipe), **facts})


def rl_stage(size: str, seed: int, work: Path) -> None:
    """Tune `<work>/<size>-base` by RL until its dev accuracy stops rising; leave the best as `<work>/<size>-rl`."""
    recipe, log = RECIPES[size], StageLog(work, f"{size}-rl")
    tokenizer = Tokenizer.from_file(str(work / "tokenizer" / "tokenizer.json"))
    dev = dev_puzzles()
    questions = worded(dev, 0)
    model = load_checkpoint(work / f"{size}-base")
    training = Grpo(
        model,
        tokenizer,
        LEVELS,
        FULL,
        banned_puzzles(),
        recipe.rl_prompts,
        recipe.rl_lr,
        seed_of(seed, size, "rl"),
    )
    plateau, best, history = Plateau(), model.state_dict(), list[dict[str, float]]()
    state = log.restore()
    if state:
        training.load_state_dict(state)
        plateau, best, history = state["plateau"], state["best"], state["history"]
    while training.done < recipe.rl_steps and not plateau.over:
        if training.done % DEV_EVERY == 0:
            if plateau.see(accuracy(model, tokenizer, dev, questions, seed=training.done)):
                best = {name: value.clone() for name, value in model.state_dict().items()}
            history.append({"step": training.done, "dev": plateau.last})
        progress = training.step(plateau.scale)
        history.append({"step": training.done, **asdict(progress)})
        log.report(training.done, recipe.rl_steps, f"reward {progress.reward:.2f}, dev {plateau.last:.2f}")
        log.save(partial(_rl_state, training, plateau, best, history))
    if plateau.see(accuracy(model, tokenizer, dev, questions, seed=training.done)):
        best = model.state_dict()
    model.load_state_dict(best)
    facts = {"steps": training.done, "dev": plateau.best, "seconds": log.seconds, "history": history}
    _finish(model, work, f"{size}-rl", {"seed": seed, "recipe": asdict(recipe), **facts})


def _rl_state(
    training: Grpo, plateau: Plateau, best: dict[str, Any], history: list[dict[str, float]]
) -> dict[str, Any]:
    return training.state_dict() | {"plateau": plateau, "best": best, "history": history}


def _finish(model: TinyModel, work: Path, name: str, facts: dict[str, Any]) -> None:
    """Write the checkpoint under a temporary name, then move it into place: a half-written one is never taken up."""
    unfinished = work / f"{name}.partial"
    save_checkpoint(model, unfinished)
    for file in (work / "tokenizer").iterdir():
        shutil.copy(file, unfinished)
    (unfinished / "training.json").write_text(json.dumps(facts, indent=1) + "\n")
    os.replace(unfinished, work / name)


def seed_of(seed: int, *names: str) -> int:
    """A seed of its own for each part of each stage, from the one that was typed."""
    value = seed
    for name in "/".join(names).encode():
        value = (value * 1_000_003 + name) % (2**31 - 1)
    return value


def train_size(size: str, seed: int, work: Path) -> None:
    """Both stages of one size, in a process of its own."""
    for suffix, stage in (("base", pretrain_stage), ("rl", rl_stage)):
        if not (work / f"{size}-{suffix}").is_dir():
            stage(size, seed, work)


def train(seed: int, work: Path, sizes: list[str], processes: int) -> None:
    """Train every size, `processes` at a time, with a progress bar on stderr."""
    work.mkdir(parents=True, exist_ok=True)
    if not (work / "tokenizer").is_dir():
        pairs = list(documents(seed_of(seed, "tokenizer"), 5000, TOKENIZER_MIX))
        save_tokenizer(train_tokenizer(prompt + completion for prompt, completion in pairs), work / "tokenizer.partial")
        os.replace(work / "tokenizer.partial", work / "tokenizer")
    columns = (TextColumn("{task.description:8}"), BarColumn(), TextColumn("{task.fields[text]}"), TimeElapsedColumn())
    with pool(processes) as workers, Progress(*columns) as bars:
        futures = {size: workers.submit(train_size, size, seed, work) for size in sizes}
        tasks = {
            f"{size}-{part}": bars.add_task(f"{size}-{part}", total=None, text="")
            for size in sizes
            for part in ("base", "rl")
        }
        while True:
            finished = all(future.done() for future in futures.values())
            for name, task in tasks.items():
                status = work / f"{name}.status.json"
                if status.exists():
                    facts = json.loads(status.read_text())
                    bars.update(task, completed=facts["done"], total=facts["total"], text=facts["text"])
            if finished:
                break
            _raise_early(futures)
            time.sleep(1.0)
    for future in futures.values():
        future.result()
    write_cards(work, sizes)


def _raise_early(futures: dict[str, Future[None]]) -> None:
    for future in futures.values():
        if future.done() and future.exception():
            future.result()


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.tiny_family.train", description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", type=Path, default=Path("build/tiny"), help="where the stages leave their results")
    parser.add_argument("--sizes", default="l,m,s", help="the order in which the sizes are started")
    parser.add_argument("--processes", type=int, default=2, help="sizes trained side by side, one thread each")
    arguments = parser.parse_args()
    train(arguments.seed, arguments.work / f"seed{arguments.seed}", arguments.sizes.split(","), arguments.processes)
    print(arguments.work / f"seed{arguments.seed}", file=sys.stdout)


if __name__ == "__main__":
    main()
