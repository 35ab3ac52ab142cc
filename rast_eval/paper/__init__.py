"""The paper reproduced: what it prints, what can be recomputed from it, and its tables and figures made again.

published, prose, released    what is printed in tables, in text and pictures, and what the released code does
recompute, contradictions, audit, show, beside    what follows from it, and how a run stands beside it
scale, sizing, cost, passes    models, cards, hours and disk of a reproduction
runs, targets    the runs behind it, and one page of all targets
tables, figures, word_figures, trajectories, trajectory_figures, memory    the targets themselves
"""
