"""What the paper looks at beyond accuracy.

behaviours      branching, backtracking and self-verification words (Figures 9 and 10)
length          generated tokens an output (Table 6)
memory          GPU memory of RAST against RL training (Appendix D, Table 4)
forcing         teacher-forced passes in chunks, the base of the three below
path_coverage   does the base already take the RL model's path? (Eq. 1–2, Figure 1)
similarity      do deltas of different sizes point the same way? (Eq. 6, Figure 4)
divergence      where does RAST move the base's distribution? (§4.2, Figure 5)
"""
