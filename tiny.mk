# The embedded family again from one seed, and what it shows, measured by the project's own runs.
TINY_SEED ?= 0
TINY_WORK ?= build/tiny
EMBEDDED := rast_eval/tiny/checkpoints
TINY_CHECKPOINTS ?= $(if $(filter 0,$(TINY_SEED)),$(EMBEDDED),$(TINY_WORK)/seed$(TINY_SEED))

.PHONY: tiny-models tiny-report tiny-together

tiny-models: setup  ## train the tiny family from one seed (TINY_SEED=0) into build/tiny, resumable
	OMP_NUM_THREADS=1 $(BIN)/python -m tools.tiny_family.train --seed $(TINY_SEED) --work $(TINY_WORK)

tiny-report: setup  ## measure the embedded family and write docs/tiny-family.md; TINY_SEED=1 measures build/tiny/seed1
	OMP_NUM_THREADS=1 $(BIN)/python -m tools.tiny_family.report --checkpoints $(TINY_CHECKPOINTS) --section "seed $(TINY_SEED)"

tiny-together: setup  ## similarity against recovery over all seeds, into docs/tiny-family.md
	$(BIN)/python -m tools.tiny_family.together
