"""Judging outputs: math answers and programs."""
