"""What the paper looks at beyond accuracy.

behaviours      branching, backtracking and self-verification words (Figures 9 and 10)
length          generated tokens an output (Table 6)
drawing         which problems are looked at, and as what prompts
forcing         teacher-forced passes in chunks, the base of the three below; placing: on which cards
path_coverage   does the base already take the RL model's path? (Eq. 1–2, Figure 1)
similarity      do deltas of different sizes point the same way? (Eq. 6, Figure 4)
divergence      where does RAST move the base's distribution? (§4.2, Figure 5)
"""
