# Tables and figures of arXiv 2506.15710: `make table1`, `make paper`; SCALE=paper on a GPU node (CARD_GB, TP), DRY=1 for
# its cost.
SCALE ?= tiny
CARD_GB ?= 80
PAPER_FLAGS = --scale $(SCALE) --card-gb $(CARD_GB) $(if $(TP),--tensor-parallel-size $(TP)) $(if $(DRY),--dry-run)
PAPER_TARGETS := table1 table2 table3 table4 table5 table6 \
	figure1 figure3 figure4 figure5 figure6 figure8 figure9 figure10 appendix-e

.PHONY: paper $(PAPER_TARGETS)

paper: setup     ## every table and figure on one page, results/reproduction-tiny/paper.html; minutes
	$(BIN)/rast-eval paper make paper $(PAPER_FLAGS)

$(PAPER_TARGETS): setup
	$(BIN)/rast-eval paper make $@ $(PAPER_FLAGS)
