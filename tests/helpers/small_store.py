"""A cell of four samples a problem, samples of it put into a store, and who judges them."""

from rast_eval.types import Arm, Cell, Completion, ModelRef, Request, Sampling, System

CELL = Cell(Arm("rast"), System(ModelRef("b")), "sums", "simplerl", Sampling(1.0, 0.95, 8), "tiny", (), 4, 2, "f" * 16)
REQUEST = Request("0", 0, (1, 2), 5, "d" * 64, "e" * 64)
FACTS = {"status": "running", "seed": 0}


def completion(problem="0", sample=0, output="\\boxed{1}"):
    return Completion(problem, sample, output, 3, "stop")


def append(store, *keys, output="\\boxed{1}", cell=CELL):
    with store.locked():
        for problem, sample in keys:
            store.append(cell, REQUEST, completion(problem, sample, output))


def keys(store, cell=CELL):
    return [(row["problem_id"], row["sample"]) for row in store.heads(cell)]


def outputs(store, cell=CELL):
    return {(row["problem_id"], row["sample"]): row["output"] for row in store.iter_samples(cell)}
