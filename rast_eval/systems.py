"""What generates: checkpoints, pairs of them, and the rule by which a base and its deltas are combined."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from itertools import chain
from typing import Any

from rast_eval.errors import UsageError


@dataclass(frozen=True)
class ModelRef:
    """A checkpoint: `ModelRef("Qwen/Qwen2.5-32B", "main")` or a local folder.

    Attributes:
        path: hub id or absolute local path.
        revision: git revision on the hub; None for its default branch or a local folder.
        name: short name for tables, e.g. `32b`; two names of one checkpoint are equal.
    """

    path: str
    revision: str | None = None
    name: str = field(default="", compare=False)

    @property
    def label(self) -> str:
        """Short name where there is one, else the path."""
        return self.name or self.path

    @property
    def key(self) -> str:
        """`org/name@commit`, or the path of a folder."""
        return f"{self.path}@{self.revision}" if self.revision else self.path

    @property
    def short(self) -> str:
        """The label without what leads to it: `Qwen2.5-32B` of `Qwen/Qwen2.5-32B`."""
        return self.label.rpartition("/")[2]


@dataclass(frozen=True)
class Delta:
    """ΔR = weight · (expert − antiexpert), Eq. 3.

    Attributes:
        weight: λ, any finite number.
    """

    expert: ModelRef
    antiexpert: ModelRef
    weight: float = 1.0


@dataclass(frozen=True)
class FusionRule:
    """How deltas enter the base's logits: a rule of `decoding.rules` with its parameters, e.g. `gated:entropy=0.5`."""

    name: str = "linear"
    parameters: tuple[tuple[str, float], ...] = ()

    @classmethod
    def parse(cls, text: str) -> FusionRule:
        """`NAME:param=number,…` as a rule; `decoding.rules.make_rule` says whether there is such a one.

        Raises:
            UsageError: not of that form.
        """
        name, colon, tail = text.partition(":")
        try:
            pairs = [part.split("=") for part in tail.split(",")] if colon else []
            found = tuple(sorted((key.strip(), float(value)) for key, value in pairs))
        except ValueError:
            found = (("", 0.0),)
        if "" in (name, *(key for key, _ in found)) or len(dict(found)) < len(found):
            raise UsageError(
                f"--rule {text} is not NAME:param=number,….", "Type for instance --rule gated:entropy=0.5."
            )
        return cls(name, found)

    def __str__(self) -> str:
        values = ",".join(f"{key}={value!r}".removesuffix(".0") for key, value in self.parameters)
        return f"{self.name}:{values}" if values else self.name


LINEAR = FusionRule()
"""Eq. 3."""

MERGE = FusionRule("merge")
"""Eq. 3 on weights: no rule of logits, so `--rule` does not know it; see `decoding.merging`."""


@dataclass(frozen=True)
class System:
    """What generates: one model, or a base with its deltas, by a rule."""

    base: ModelRef
    deltas: tuple[Delta, ...] = ()
    rule: FusionRule = LINEAR

    @property
    def roles(self) -> tuple[tuple[str, ModelRef], ...]:
        """`base`, then `expert` and `antiexpert` of each delta, with the checkpoint that has that role."""
        pairs = ((("expert", delta.expert), ("antiexpert", delta.antiexpert)) for delta in self.deltas)
        return (("base", self.base), *chain.from_iterable(pairs))

    @property
    def members(self) -> tuple[ModelRef, ...]:
        """Distinct checkpoints, the base first; one that is used twice stands once."""
        return tuple(dict.fromkeys(ref for _, ref in self.roles))

    @property
    def weights(self) -> tuple[float, ...]:
        """What each member's logits are multiplied by in the fused logits, aligned with `members`."""
        total = dict.fromkeys(self.members, 0.0)
        total[self.base] += 1.0
        for delta in self.deltas:
            total[delta.expert] += delta.weight
            total[delta.antiexpert] -= delta.weight
        return tuple(total.values())

    @property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        """Each delta's expert and antiexpert as places in `members`."""
        place = self.members.index
        return tuple((place(delta.expert), place(delta.antiexpert)) for delta in self.deltas)

    def to_json(self) -> dict[str, Any]:
        """As manifests have it: the rule in a word, and only where it is another than Eq. 3."""
        row = asdict(self)
        return row | {"rule": str(self.rule)} if self.rule != LINEAR else {k: row[k] for k in ("base", "deltas")}

    @property
    def merged(self) -> bool:
        """Whether weights are added in place of logits."""
        return self.rule == MERGE

    @property
    def loaded(self) -> System:
        """What an engine holds in memory, by shape: of merged weights one model."""
        return System(self.base) if self.merged else self

    @property
    def label(self) -> str:
        """`32b`, or `32b + Δ14b` with weights other than 1 as in `32b + 0.7Δ14b`."""
        shown = [self.base.short]
        for delta in self.deltas:
            factor = "" if delta.weight == 1.0 else f"{delta.weight:g}"
            shown.append(f"{factor}Δ{delta.expert.short.removesuffix('-rl')}")
        return " + ".join(shown) + ("" if self.rule == LINEAR else f", {self.rule}")
