"""Reads what a run needs: models, benchmarks, prompts, presets, the hub. Knows no grader and no engine."""
