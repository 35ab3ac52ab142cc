"""Continuing prompts with one model or with a base and its deltas."""
