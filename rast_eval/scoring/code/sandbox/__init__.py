"""Running programs that nobody has read: `Sandbox` outside, `inside/` within.

The files of `inside/` are the only ones mounted into the sandbox; they import the standard library and each other.
"""

from rast_eval.scoring.code.sandbox.bwrap import check_usable
from rast_eval.scoring.code.sandbox.client import Job, Limits, Outcome, Sandbox
from rast_eval.scoring.code.sandbox.pool import Pool, run_pool

__all__ = ["Job", "Limits", "Outcome", "Pool", "Sandbox", "check_usable", "run_pool"]
