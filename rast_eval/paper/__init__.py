"""The published numbers of arXiv 2506.15710 v1: shown, recomputed, and set beside a run.

published   the CSVs of results/paper as records
audit       every rate and average that can be recomputed from printed accuracies
beside      a run next to the published row it repeats
"""
