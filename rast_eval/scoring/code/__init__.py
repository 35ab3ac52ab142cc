"""Judging programs: EvalPlus and LiveCodeBench rules, in a sandbox that keeps the expected outputs outside.

output ─► sanitize / extract ─► program ─► sandbox (inputs only) ─► returned data ─► oracles ─► Grade
"""
