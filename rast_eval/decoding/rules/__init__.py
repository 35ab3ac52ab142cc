"""How members' logits become one row to draw from: Eq. 3 (`linear`) and the rules that stand beside it.

A rule is a frozen dataclass of its parameters, called with the members' logits of any number of positions; it keeps
nothing between two calls. Adding one is one file and one line in `RULES`. docs/rules.md gives the formulas.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from importlib import import_module
from typing import Any, ClassVar, Literal, NamedTuple, Protocol

from torch import Tensor

from rast_eval.decoding.fusion import fuse
from rast_eval.errors import UnknownName, UsageError
from rast_eval.types import FusionRule, System

Scope = Literal["elementwise", "whole"]
"""`elementwise`: a column depends on that column alone; `whole`: on all columns, so shards are gathered before."""

RULES: Mapping[str, str] = {
    "linear": "rast_eval.decoding.rules:Linear",
    "gated": "rast_eval.decoding.rules.gated:Gated",
    "masked": "rast_eval.decoding.rules.masked:Masked",
    "contrastive": "rast_eval.decoding.rules.contrastive:Contrastive",
}


class Fused(NamedTuple):
    """What a rule makes of one step.

    Attributes:
        logits: float32 [..., V].
        active: bool [...], where the rule acted; None where it acts everywhere.
    """

    logits: Tensor
    active: Tensor | None


@dataclass(frozen=True)
class Operands:
    """The members' logits of one step, cut to the columns that all of them share.

    Attributes:
        logits: [..., V] a member, the base's first.
        weights: each member's coefficient in Eq. 3.
        pairs: each delta's expert and antiexpert as places in `logits`.
    """

    logits: Sequence[Tensor]
    weights: Sequence[float]
    pairs: Sequence[tuple[int, int]]

    @property
    def base(self) -> Tensor:
        """float32 [..., V]."""
        return self.logits[0].float()

    def linear(self) -> Tensor:
        """Eq. 3, float32 [..., V]."""
        return fuse(self.logits, self.weights)


def parameter(most: float) -> Any:
    """A field of a rule: a number from 0, at which the rule is Eq. 3, to `most`."""
    return field(default=0.0, metadata={"most": most})


class Formula(Protocol):
    """What each file of this folder holds."""

    @property
    def scope(self) -> Scope:
        """Which columns a column depends on, with these parameters."""

    def __call__(self, members: Operands) -> Fused:
        """Logits of one step."""


@dataclass(frozen=True)
class Linear:
    """Eq. 3 of arXiv 2506.15710 as it stands."""

    scope: ClassVar[Scope] = "elementwise"

    def __call__(self, members: Operands) -> Fused:
        """`fuse`, everywhere."""
        return Fused(members.linear(), None)


def make_rule(rule: FusionRule) -> Formula:
    """The rule of a name with its parameters.

    Raises:
        UnknownName: no such rule, or it has no such parameter.
        UsageError: a value that it does not take.
    """
    if rule.name not in RULES:
        raise UnknownName("rule", rule.name, RULES)
    home, _, kind = RULES[rule.name].partition(":")
    made: Any = getattr(import_module(home), kind)
    most = {one.name: one.metadata["most"] for one in fields(made)}
    for name, value in rule.parameters:
        if name not in most:
            raise UnknownName(f"parameter of the rule {rule.name}", name, most)
        if not 0 <= value <= most[name] or value == math.inf:
            bounds = "at least 0" if most[name] == math.inf else f"between 0 and {most[name]:g}"
            raise UsageError(
                f"{name} of the rule {rule.name} is {value:g}, and it is {bounds}.",
                f"Type for instance --rule {rule.name}:{name}=0.1.",
            )
    found: Formula = made(**dict(rule.parameters))
    return found


def combine(system: System, logits: Sequence[Tensor]) -> Fused:
    """One step of a system.

    Args:
        logits: [..., V_m] a member, in the order of `system.members`; V_m may differ by head padding.
    """
    shared = min(member.shape[-1] for member in logits)
    return make_rule(system.rule)(Operands([member[..., :shared] for member in logits], system.weights, system.pairs))
