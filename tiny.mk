# A tiny family of one's own: trained from one seed, measured by the project's own runs.
TINY_SEED ?= 0
TINY_WORK ?= build/tiny

.PHONY: tiny-models tiny-report

tiny-models: setup  ## train a tiny family from one seed (TINY_SEED=0), resumable
	OMP_NUM_THREADS=1 $(BIN)/python -m rast_eval.tiny.train --seed $(TINY_SEED) --work $(TINY_WORK)

tiny-report: setup  ## measure that family and write docs/tiny-family.md
	OMP_NUM_THREADS=1 $(BIN)/python -m rast_eval.tiny.report --checkpoints $(TINY_WORK)/seed$(TINY_SEED)
