"""How often an output branches, backtracks or verifies itself (Figures 9 and 10, C.3).

Words are counted as lower-case lemmas of alphabetic tokens, so `checking` and `checks` count for `check`.
Lemmas come from lemminflect: 0.8 MB of English tables on numpy alone, no model to download, where spaCy
needs a model and NLTK's WordNet a corpus; simplemma, the other offline choice, weighs 19 MB. Without a
tagger a token counts for a word if any of its lemmas, over all parts of speech, is that word.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from rast_eval import statistics
from rast_eval.report.table import Table
from rast_eval.results.reader import Run, iter_samples
from rast_eval.statistics import Estimate
from rast_eval.types import Arm

BEHAVIOURS: Mapping[str, tuple[str, ...]] = {
    "branching": ("alternatively", "another", "try", "suppose", "consider", "different", "assume", "option"),
    "backtracking": (
        *("however", "but", "mistake", "error", "contradiction", "wrong", "revisit", "actually", "again", "flaw"),
    ),
    "self-verification": (
        *("check", "verify", "confirm", "satisfy", "plug", "back", "substitute", "ensure", "validate", "test"),
    ),
}
"""The paper's word lists."""

WORD = re.compile(r"[^\W\d_]+")
NOTE = (
    "Occurrences an output = occurrences / (problems × samples), as the released script counts; ± = half of the 95 % "
    "interval over problems. per 1k words = occurrences / words × 1000. The paper does not define the normalisation "
    "of its Figure 10."
)


@dataclass(frozen=True)
class BehaviourCounts:
    """One behaviour in one arm on one benchmark.

    Attributes:
        per_output: mean over problems of occurrences an output, with its interval over problems.
        words: occurrences of each word, most frequent first.
    """

    arm: str
    benchmark: str
    behaviour: str
    per_output: Estimate
    per_thousand_words: float
    occurrences: int
    outputs: int
    words: Mapping[str, int]


@lru_cache(maxsize=100_000)
def matched_words(token: str) -> frozenset[str]:
    """Listed words that a lower-case token counts for, usually none or one."""
    from lemminflect import getAllLemmas

    lemmas = {lemma.lower() for found in getAllLemmas(token).values() for lemma in found} | {token}
    return frozenset(word for words in BEHAVIOURS.values() for word in words if word in lemmas)


def count_words(text: str) -> tuple[Counter[str], int]:
    """Occurrences of every listed word in a text, and its number of alphabetic tokens."""
    tokens = [token.lower() for token in WORD.findall(text)]
    return Counter(word for token in tokens for word in matched_words(token)), len(tokens)


def count_behaviours(run: Run) -> list[BehaviourCounts]:
    """All three behaviours in every cell of a run."""
    rows: list[BehaviourCounts] = []
    for cell in run.cells:
        found: Counter[str] = Counter()
        by_problem: dict[str, Counter[str]] = {}
        outputs: Counter[str] = Counter()
        total_words = 0
        for sample in iter_samples(run, cell):
            counts, words = count_words(sample["output"])
            problem = str(sample["problem_id"])
            by_problem.setdefault(problem, Counter()).update(counts)
            outputs[problem] += 1
            found.update(counts)
            total_words += words
        for behaviour, listed in BEHAVIOURS.items():
            per_problem = [sum(by_problem[p][word] for word in listed) / outputs[p] for p in by_problem]
            occurrences = sum(found[word] for word in listed)
            rows.append(
                BehaviourCounts(
                    arm=cell.arm,
                    benchmark=cell.benchmark,
                    behaviour=behaviour,
                    per_output=statistics.mean_estimate(per_problem),
                    per_thousand_words=1000 * occurrences / total_words if total_words else 0.0,
                    occurrences=occurrences,
                    outputs=outputs.total(),
                    words={word: found[word] for word in sorted(listed, key=lambda w: -found[w]) if found[word]},
                )
            )
    return rows


def behaviour_table(title: str, rows: Iterable[BehaviourCounts]) -> Table:
    """A row an arm and behaviour."""
    lines = []
    for row in rows:
        e = row.per_output
        top = "\n".join(f"{word} {count}" for word, count in list(row.words.items())[:2])
        spread = "" if e.method == "undefined" else f" ± {e.half_width:.2f}"
        shown = (f"{e.value:.2f}{spread}", f"{row.per_thousand_words:.2f}", top)
        lines.append((row.benchmark, Arm(row.arm).label, row.behaviour, *shown))
    header = ("benchmark", "arm", "behaviour", "an output", "per 1k words", "mostly")
    return Table(title, header, tuple(lines), NOTE, keys=3)
