"""The base's tokenizer, written so that a composite loads the very same one.

Transformers chooses a tokenizer's class from the checkpoint's model type and its tokenizer_config.json together. A
composite has a model type of its own, so files copied from the base may become another tokenizer there: other ids for
a text, and other text for the ids. What the base's class made of its files is therefore written out as it stands, for
the one class that adds nothing, and compared with the base's before anybody uses it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rast_eval.decoding.loading import explain, load_tokenizer
from rast_eval.errors import ModelError
from rast_eval.types import ModelRef

TEXTS = (
    "Q: Tom has 37 coins. Mon buys 6 bags of 7. How many?\nA:",
    " leading and  double   spaces, trailing ",
    "Solve $x^2 - 12x + 35 = 0$: \\boxed{\\frac{5}{7}}, 3.14159, 1,000,000, −2 ≤ λ",
    "def f(n):\n\treturn [i ** 2 for i in range(n)]  # naïve\n\n\n",
    "«ок» 数学 한국어 العربية 👩‍👩‍👧 ＡＢＣ é é ﬁ",
    "<|im_start|>user\nHi<|im_end|><|endoftext|></s><s>",
)
"""What two tokenizers must agree on: spaces, digits, formulas, code, scripts, emoji, special tokens."""

VOLATILE = ("auto_map", "backend", "is_local", "local_files_only", "name_or_path")
"""Of a saved configuration: what depends on where it was loaded from, or names a class."""


def write_tokenizer(base: ModelRef, out: Path) -> None:
    """Write the tokenizer of `base` into the composite `out`, which holds its config.json already.

    Raises:
        ModelError: it has no tokenizer.json, or what was written does not split and join texts as the base's does.
    """
    ours = load_tokenizer(base)
    if getattr(ours, "backend_tokenizer", None) is None:
        raise ModelError(
            f"{base.label} has no fast tokenizer, and a composite needs one.",
            "Save it once with transformers' `AutoTokenizer.from_pretrained(…).save_pretrained(…)`.",
        )
    ours.save_pretrained(out)
    path = out / "tokenizer_config.json"
    settings = {
        key: value for key, value in json.loads(path.read_text(encoding="utf-8")).items() if key not in VOLATILE
    }
    path.write_text(
        json.dumps({**settings, "tokenizer_class": "PreTrainedTokenizerFast"}, indent=2) + "\n", encoding="utf-8"
    )
    differing = _difference(ours, _load_as_composite(base, out))
    if differing:
        raise ModelError(
            f"The tokenizer of {base.label} cannot be written into a composite: {differing}.",
            "Type --backend hf, and report it with the name of the checkpoint.",
        )


def _load_as_composite(base: ModelRef, out: Path) -> Any:
    from transformers import AutoConfig, AutoTokenizer

    from rast_eval.decoding.vllm.config import RastConfig

    AutoConfig.register(RastConfig.model_type, RastConfig, exist_ok=True)
    try:
        return AutoTokenizer.from_pretrained(out, trust_remote_code=False)
    except Exception as error:  # transformers raises many unrelated types
        raise explain(error, base) from error


def _difference(ours: Any, written: Any) -> str:
    """What tells two tokenizers apart, or nothing."""
    if ours.get_vocab() != written.get_vocab():
        return "it holds other tokens"
    if ours.all_special_ids != written.all_special_ids or ours.eos_token_id != written.eos_token_id:
        return "it has other special tokens"
    for text in TEXTS:
        for special in (True, False):
            ids = ours(text, add_special_tokens=special)["input_ids"]
            if ids != written(text, add_special_tokens=special)["input_ids"]:
                return f"{text[:20]!r} gets other ids"
            for skip in (True, False):
                if ours.decode(ids, skip_special_tokens=skip) != written.decode(ids, skip_special_tokens=skip):
                    return f"the ids of {text[:20]!r} become another text"
    return ""
