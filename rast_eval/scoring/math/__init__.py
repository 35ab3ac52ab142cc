"""Judging math answers: `simplerl` by the rules of the published tables, `strict` by mathematical equivalence."""
