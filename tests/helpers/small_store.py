"""A cell of four samples a problem, and samples of it put into a store."""

from rast_eval.types import Arm, Cell, Completion, ModelRef, Request, Sampling, System

CELL = Cell(Arm("rast"), System(ModelRef("b")), "sums", "simplerl", Sampling(1.0, 0.95, 8), "tiny", (), 4, 2, "f" * 16)
REQUEST = Request("0", 0, (1, 2), 5)


def completion(problem="0", sample=0, output="\\boxed{1}"):
    return Completion(problem, sample, output, 3, "stop")


def append(store, *keys, output="\\boxed{1}", cell=CELL):
    with store.locked():
        for problem, sample in keys:
            store.append(cell, REQUEST, "sha", completion(problem, sample, output))


def keys(store, cell=CELL):
    return [(row["problem_id"], row["sample"]) for row in store.heads(cell)]


def outputs(store, cell=CELL):
    return {(row["problem_id"], row["sample"]): row["output"] for row in store.iter_samples(cell)}
