"""Whether torch can use the cards of this machine."""

from __future__ import annotations

from rast_eval import machine
from rast_eval.errors import BackendError, install


def runs_on_cpu() -> bool:
    """Whether models run on the CPU here: there is no card, or torch was built without them.

    Raises:
        BackendError: there is a card, and torch cannot use its driver.
    """
    import torch

    if torch.cuda.is_available():
        return False
    cards = machine.cards()
    if cards and torch.version.cuda:
        raise BackendError(
            f"torch {torch.__version__} was built for CUDA {torch.version.cuda}, which the NVIDIA driver "
            f"{cards[0].driver} of this machine cannot run.",
            f"Update the driver, or install a build that fits it: `{install('vllm')}`.",
        )
    return True
