"""Running programs that nobody has read: `Sandbox` outside, `inside/` within.

The files of `inside/` are the only ones mounted into the sandbox; they import the standard library and each other.

Not covered:

- The kernel is the wall: an exploit of it passes. So is bubblewrap, and the interpreter's own packages can be read.
- What a machine tells everyone: clock, kernel version, processor, load and free memory in /proc.
- Whispers between programs that follow each other in one sandbox, by counters that nobody can turn back (inode and
  process numbers) or by timing. Names, contents, times, modes and attributes of /tmp are covered: a sandbox in which
  any of them changed is thrown away.
- The memory of several workers together, and bandwidth: each program has its own limits, all of them have none.
- Pauses of the whole machine: they count as the program's time.
- With `unsafe`, files and everything else that the user may do, save what limits and the system-call filter refuse.
"""

from rast_eval.scoring.code.sandbox.bwrap import check_usable
from rast_eval.scoring.code.sandbox.client import Execution, Limits, Outcome, Sandbox
from rast_eval.scoring.code.sandbox.pool import Pool, run_pool

__all__ = ["Execution", "Limits", "Outcome", "Pool", "Sandbox", "check_usable", "run_pool"]
