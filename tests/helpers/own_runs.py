"""A user's own benchmark, and an engine that answers without a model: whole runs in a second."""

import json

from rast_eval.config import RunConfig
from rast_eval.inputs.models import resolve_models
from rast_eval.runs import plan, runner
from rast_eval.types import Completion

YAML = """
name: sums
kind: math
scorer: simplerl
count: 4
file: [sums.jsonl]
prompt: tiny
decoding: {n: 2, max_tokens: 32}
"""

ROWS = [{"question": f"Ann has {i} pens and gets {i}. How many?", "answer": str(2 * i)} for i in range(1, 5)]


def write_benchmark(folder, rows=ROWS, **keys):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sums.yaml").write_text(YAML + "".join(f"{key}: {json.dumps(value)}\n" for key, value in keys.items()))
    (folder / "sums.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


class Loader:
    """Stands for `make_engine`, and counts what was asked of it."""

    def __init__(self, answer=lambda request: "2", fail_after=None, **settings):
        self.answer, self.fail_after = answer, fail_after
        self.settings = {"dtype": "float32", **settings}
        self.loaded, self.asked = 0, []

    def __call__(self, system, config):
        self.loaded += 1
        return self

    def generate(self, requests, sampling, stop, stop_token_ids):
        for count, request in enumerate(requests):
            if count == self.fail_after:
                raise KeyboardInterrupt
            self.asked.append((request.problem_id, request.sample))
            output = f" So the answer is \\boxed{{{self.answer(request)}}}."
            yield Completion(request.problem_id, request.sample, output, 7, "stop")

    def close(self):
        pass


def configure(folder, arms=("base",), **settings):
    models = resolve_models("tiny-m", ["tiny-s"])
    settings = {"benchmarks": ("sums",), "data_dir": folder, "include_path": folder, **settings}
    return RunConfig(models, arms, **settings)


def run(root, folder, arms=("base",), load=None, overwrite=False, **settings):
    load = load or Loader()
    runner.run(plan.build(configure(folder, arms, **settings)), root, overwrite=overwrite, workers=1, load=load)
    return load
