"""What the released code does that the paper does not say, as facts (github.com/ozyyshr/RAST, commit 75d1e55).

Nothing of it is run or repeated here. A script says what can be run with it, not what was: where a fact is from a
line that is commented out, it says so.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Fact:
    """One difference between paper and released code.

    Attributes:
        where: table, figure or section of the paper.
        paper: what it says there.
        code: what the file does.
        file: path in the release.
    """

    where: str
    paper: str
    code: str
    file: str

    @property
    def sentence(self) -> str:
        """All of it in one line."""
        return f"{self.where}: {self.code} ({self.file}); in the paper: {self.paper}."


FACTS: tuple[Fact, ...] = (
    Fact("Tables 1, 2", "all problems of every benchmark",
         "base and RL: the first 50 prompts of MATH and AIME, all of the others", "run_vllm.py"),
    Fact("Tables 1, 2", "prompt (b) with delta 1.5B, prompt (a) with the others",
         "base and RL under (a), RAST under (b) whatever the delta", "run_vllm.py, vllm/tests/RAST_decode/run.py"),
    Fact("Table 2", "Llama-3.1-70B, 32 runs", "Llama-3.1-70B-Instruct, 5 runs, eight cards", "scripts/run_70b.sh"),
    Fact("Tables 1–3", "Avg. over all runs", "`average` reads run 0 only", "simplerl_math_eval/math_eval_pred.py"),
    Fact("Tables 1, 2", "not stated",
         "the grader cuts every output at the words of its default template qwen-boxed, whatever was asked",
         "simplerl_math_eval/math_eval_pred.py"),
    Fact("Figure 3", "pass@k", "mean over 10 unseeded draws of k of the 32 runs",
         "simplerl_math_eval/math_eval_pred.py"),
    Fact("Figure 4", "ΔR at each prefix of the path, 50 problems",
         "growing prefixes of the answer are appended to a context that was extended already, so step t reads the "
         "first tokens again and again; the first 50 outputs of one run", "analysis/similarity.py"),
    Fact("Figure 5", "KL between base and RAST, no unit",
         "commented out: KL(RAST ‖ base) averaged over the vocabulary, times 1e9", "analysis/similarity.py"),
    Fact("Figure 6", "32 runs a point", "10 runs a point", "scripts/run_hyperparameter.sh"),
    Fact("Figure 10", "base, RAST and RL alike", "base greedy, one run; RAST and RL 32 runs; lemmas by spaCy, "
         "on OlympiadBench as the file stands",
         "analysis/reasoning_tokens.py (base commented out)"),
    Fact("§4.2, coverage of RAST", "as Figure 1a: 50 problems, tokens 2 … n",
         "10 outputs drawn unseeded; the loop's position takes the name of λ, so that λ grows along the path; the "
         "first token counts, the last does not, and the sum is divided by n", "analysis/greedy_delta.py"),
    Fact("Table 6", "mean over 32 runs", "32B + delta 1.5B on GSM8K: the sum over 13 runs divided by 12 × problems",
         "analysis/tokens.py"),
    Fact("Appendix E", "weights not stated", "one weight for all deltas; 0.3 in a line commented out",
         "scripts/run_hyperparameter.sh"),
    Fact("Models", "Qwen2.5-{1.5B,7B,14B}-SimpleRL-Zoo as experts",
         "Qwen-2.5-Math-7B-SimpleRL-Zoo against Qwen2.5-7B on 14B, 10 runs", "scripts/run_hyperparameter.sh"),
    Fact("A.2, prompts", "two prompts", "a third, qwen-direct, with results of MATH500 beside it",
         "simplerl_math_eval/utils.py, output/math500"),
    Fact("§3.1", "not stated", "no seed is set; a repeated run appends to the same file",
         "run_vllm.py, vllm/tests/RAST_decode/run.py"),
)  # fmt: skip
