"""Judging outputs: math answers and programs. `registry` knows every scorer."""

from rast_eval.scoring.registry import SCORERS, get_scorer

__all__ = ["SCORERS", "get_scorer"]
