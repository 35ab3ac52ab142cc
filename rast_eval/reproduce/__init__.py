"""Every table and figure of arXiv 2506.15710, at the paper's scale or on the embedded family.

scale      which models, benchmarks and sizes stand for the paper's
runs       the runs that targets share, each generated once
tables     Tables 1 to 6, Appendix E
figures    Figures 1, 3 to 6, 8 to 10
cost       GPU hours, memory and disk of a plan
page       all of them on one page
"""
