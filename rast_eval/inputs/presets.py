"""Protocols by name: what `--preset` changes in a run.

The default asks all arms under one prompt, the delta's. The paper and its released scripts do not; a preset
repeats what they do, so that a number can be set beside theirs. docs/reproducing.md holds the differences
in one table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from rast_eval.errors import UnknownName
from rast_eval.types import Models

OWN = "own"


@dataclass(frozen=True)
class Preset:
    """A protocol.

    Attributes:
        prompts: template by role; `own` is the base's own. A role that is missing takes the delta's. A benchmark's
            own template and `--prompt` win.
        stops_of: template whose stop strings stand in place of every other's; None leaves each its own.
        limits: problems by (role, benchmark); all of them where it is missing.
        greedy_arms: roles decoded greedily with n = 1.
        estimator: how `report` estimates pass@k, majority@k and the averaged recovery.
    """

    name: str
    title: str
    prompts: Mapping[str, str] = field(default_factory=dict)
    stops_of: str | None = None
    limits: Mapping[tuple[str, str], int] = field(default_factory=dict)
    greedy_arms: tuple[str, ...] = ()
    estimator: str = "unbiased"

    def template(self, role: str, models: Models) -> str | None:
        """Name of the template that `role` is asked under; None for the delta's."""
        name = self.prompts.get(role)
        return models.base_prompt if name == OWN else name

    def limited(self, role: str, benchmark: str, count: int) -> int:
        """How many of `count` problems `role` is asked."""
        return min(count, self.limits.get((role, benchmark), count))


PRESETS = {
    preset.name: preset
    for preset in (
        Preset(
            name="paper",
            title="arXiv 2506.15710: base and RL under the base's own prompt, RAST under its delta's, base greedy",
            prompts={"base": OWN, "rl": OWN},
            greedy_arms=("base",),
            estimator="paper",
        ),
        Preset(
            name="released",
            title="the released scripts: base and RL under prompt (a), on MATH and AIME 50 problems; RAST under prompt "
            "(b); every output cut at the words of prompt (a)",
            prompts={"base": "qwen-boxed", "rl": "qwen-boxed", "rast": "abel"},
            stops_of="qwen-boxed",
            limits={(role, benchmark): 50 for role in ("base", "rl") for benchmark in ("math500", "aime24")},
            greedy_arms=("base",),
            estimator="paper",
        ),
    )
}


def get(name: str | None) -> Preset | None:
    """The preset called `name`; None for None.

    Raises:
        UnknownName: nobody is called so.
    """
    if name is None:
        return None
    if name not in PRESETS:
        raise UnknownName("preset", name, PRESETS)
    return PRESETS[name]
