"""Every number of a report, as pure functions of verdict matrices; definitions in docs/statistics.md.

    intervals   mean of a problem-level quantity, Wilson's interval, accuracy with its two standard errors
    subsets     pass@k and majority@k: what k of the n samples are worth
    recovery    the share of the base→RL gap that RAST closes, with Fieller's interval
    paired      the difference of two runs on the same problems

Shapes: N problems, n samples. `correct` is bool [N, n]; a problem-level vector is float64 [N]. All values
are fractions in [0, 1], never percent; NaN means undefined and is printed as a dash.
"""

from rast_eval.statistics.intervals import (
    Accuracy,
    Estimate,
    accuracy,
    clustered_se,
    mean_estimate,
    share_estimate,
    wilson,
)
from rast_eval.statistics.paired import Difference, holm, mcnemar, minimum_detectable, paired_difference, sign_flip
from rast_eval.statistics.recovery import (
    Recovery,
    average_recovery,
    bootstrap_recovery,
    fieller,
    mean_of_ratios,
    recovery,
    recovery_fixed,
)
from rast_eval.statistics.subsets import majority_at_k, majority_at_k_paper, pass_at_k, pass_at_k_paper

__all__ = [
    "Accuracy",
    "Difference",
    "Estimate",
    "Recovery",
    "accuracy",
    "average_recovery",
    "bootstrap_recovery",
    "clustered_se",
    "fieller",
    "holm",
    "majority_at_k",
    "majority_at_k_paper",
    "mcnemar",
    "mean_estimate",
    "mean_of_ratios",
    "minimum_detectable",
    "paired_difference",
    "pass_at_k",
    "pass_at_k_paper",
    "recovery",
    "recovery_fixed",
    "share_estimate",
    "sign_flip",
    "wilson",
]
