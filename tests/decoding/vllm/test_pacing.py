"""The number of drafted tokens follows measured speed, per batch size, and settles."""

import pytest

from rast_eval.decoding.vllm.pacing import MARGIN, REFRESH, WINDOW, Pacer


class Machine:
    """Steps of a made-up machine on a made-up clock.

    Args:
        seconds: of a step, by (batch, drafted tokens); tokens: of a sequence in it, by drafted tokens.
    """

    def __init__(self, seconds, tokens, largest=8):
        self.now, self.seconds, self.tokens, self.told, self.made = 0.0, seconds, tokens, [], 0.0
        self.pacer = Pacer(largest, self.told.append, lambda: self.now)

    def run(self, batch, steps, decoding=True):
        drafts = []
        for _ in range(steps):
            draft = self.pacer[batch]
            self.now += self.seconds(batch, draft)
            before, self.made = int(self.made), self.made + batch * self.tokens(draft)
            self.pacer.record(batch, int(self.made) - before, decoding=decoding)
            drafts.append(draft)
        return drafts


def expected(draft):
    """Tokens a pass at an acceptance of 0.8."""
    return (1 - 0.8 ** (draft + 1)) / 0.2


def memory_bound(batch, draft):
    """One pass of the base, and a tenth of it for each drafted token; large batches are bound by work."""
    return max(1.0, batch * (1 + draft) / 16) + 0.1 * draft


def test_small_batches_draft_and_large_ones_do_not():
    machine = Machine(memory_bound, expected)
    alone, crowd = machine.run(1, 200), machine.run(64, 200)
    assert alone[-1] >= 4
    assert crowd[-1] == 0
    assert any("1 sequence: " in text and "drafted tokens" in text for text in machine.told)
    assert any("64 to 127 sequences: plain decoding" in text for text in machine.told)
    assert machine.run(1, 1)[0] == alone[-1]  # each size remembers its own


def test_a_drafter_that_is_never_right_is_given_up_after_one_window():
    machine = Machine(memory_bound, lambda draft: 1.0)
    drafts = machine.run(4, 400)
    assert drafts[-1] == 0
    assert sum(map(bool, drafts)) <= WINDOW + 1


def test_plain_decoding_is_kept_where_the_gain_is_noise():
    machine = Machine(lambda batch, draft: 1.0, lambda draft: 1 + draft * (MARGIN - 1) / 10)
    assert machine.run(2, 300)[-1] == 0


def test_it_looks_again_when_the_text_has_changed():
    quality = {"now": expected}
    machine = Machine(memory_bound, lambda draft: quality["now"](draft))
    assert machine.run(1, 200)[-1] >= 4
    quality["now"] = lambda draft: 1.0
    assert machine.run(1, 4 * REFRESH)[-1] == 0


def test_steps_that_read_prompts_or_follow_another_batch_size_do_not_count():
    machine = Machine(memory_bound, expected)
    machine.run(1, 500, decoding=False)
    for _ in range(100):
        machine.run(1, 1)
        machine.run(8, 1)
    assert machine.told == []


@pytest.mark.parametrize(("largest", "drafts"), [(1, {0, 1}), (4, {0, 1, 2, 4}), (6, {0, 1, 2, 4, 6})])
def test_the_largest_draft_is_among_those_tried(largest, drafts):
    machine = Machine(lambda batch, draft: 1.0, lambda draft: 1.0 + draft, largest)
    assert set(machine.run(1, 300)) == drafts
