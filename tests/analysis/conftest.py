import pytest

from rast_eval.analysis.forcing import Trajectory
from rast_eval.decoding.loading import load_tokenizer
from rast_eval.inputs.models import resolve_models

TEXT = (
    " First, we compute. Mon buys 6 bags of 7: 37 to 69 check 6*7=42 7+2=9 37+42=79 wait 79."
    " Tue loses 5 bags of 5: 79 to 55. So the answer is \\boxed{55}."
)


@pytest.fixture(scope="session")
def models():
    return resolve_models()


@pytest.fixture(scope="session")
def path(models):
    """A written answer with a slip in it: models differ on it."""
    tokenizer = load_tokenizer(models.base)
    prompt = "Q: Tom has 37 coins. Mon buys 6 bags of 7. Tue loses 5 bags of 5. How many?\nA:"
    return Trajectory("0", tuple(tokenizer(prompt)["input_ids"]), tuple(tokenizer(TEXT)["input_ids"]))


@pytest.fixture(scope="session")
def direct(path):
    """float64 logits [n, V] of one model by one plain pass over the whole text."""
    import torch

    from rast_eval.decoding.loading import load_model

    def logits(ref):
        model = load_model(ref, torch.float32, "cpu")
        with torch.inference_mode():
            out = model(input_ids=torch.tensor([path.prompt + path.tokens])).logits[0]
        return out[len(path.prompt) - 1 : -1].to(torch.float64)

    return logits
