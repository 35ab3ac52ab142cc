"""Every number of a report, as pure functions of grade matrices; definitions in docs/statistics.md.

    intervals   mean of a problem-level quantity, Wilson's interval, accuracy with its two intervals
    subsets     pass@k and majority@k: what k of the n samples are worth
    recovery    the share of the base→RL gap that RAST closes, with Fieller's interval
    paired      the difference of two arms or runs on the same problems; flips holds its test and interval
    selection   what choosing the best of several settings costs, and what each gains
    power       how many problems and samples a question needs
    sequences   intervals that may be looked at while the samples come in

Shapes: N problems, n samples. `correct` is bool [N, n]; a problem-level vector is float64 [N]. All values
are fractions in [0, 1], never percent; NaN means undefined and is printed as a dash.
"""

from rast_eval.statistics.flips import mcnemar, sign_flip
from rast_eval.statistics.intervals import (
    Accuracy,
    Estimate,
    accuracy,
    clustered_se,
    mean_estimate,
    seeds_estimate,
    share_estimate,
    wilson,
)
from rast_eval.statistics.paired import Difference, holm, minimum_detectable, paired_difference, paired_values
from rast_eval.statistics.power import (
    Spread,
    detection_power,
    problems_needed,
    samples_needed,
    smallest_difference,
    spread_of_assumptions,
    spread_of_pilot,
)
from rast_eval.statistics.recovery import (
    Recovery,
    average_recovery,
    fieller,
    mean_of_ratios,
    recovery,
    recovery_fixed,
)
from rast_eval.statistics.selection import Choice, Gain, choose_best, gains_over
from rast_eval.statistics.sequences import problems_sequence, rounds_sequence
from rast_eval.statistics.subsets import majority_at_k, majority_at_k_paper, pass_at_k, pass_at_k_paper

__all__ = [
    "Accuracy",
    "Choice",
    "Difference",
    "Estimate",
    "Gain",
    "Recovery",
    "Spread",
    "accuracy",
    "average_recovery",
    "choose_best",
    "clustered_se",
    "detection_power",
    "fieller",
    "gains_over",
    "holm",
    "majority_at_k",
    "majority_at_k_paper",
    "mcnemar",
    "mean_estimate",
    "mean_of_ratios",
    "minimum_detectable",
    "paired_difference",
    "paired_values",
    "pass_at_k",
    "pass_at_k_paper",
    "problems_needed",
    "problems_sequence",
    "recovery",
    "recovery_fixed",
    "rounds_sequence",
    "samples_needed",
    "seeds_estimate",
    "share_estimate",
    "sign_flip",
    "smallest_difference",
    "spread_of_assumptions",
    "spread_of_pilot",
    "wilson",
]
