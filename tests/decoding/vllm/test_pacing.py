"""The number of drafted tokens follows measured speed, per batch size, and settles; trying costs little."""

import random

import pytest

from rast_eval.decoding.vllm.pacing import REFRESH, Pacer


class Machine:
    """Steps of a made-up machine on a made-up clock.

    Args:
        verify, draft: seconds of a step that checks so many drafted tokens of each sequence, and of drafting as many.
        chance: of a drafted token to stand after those before it.
        noise: relative, of each duration.
    """

    def __init__(self, verify, draft, chance, largest=8, noise=0.0):
        self.now, self.verify, self.draft, self.chance, self.noise = 0.0, verify, draft, chance, noise
        self.told, self.made, self.drawn, self.drafted = [], 0, random.Random(0), 0
        self.pacer = Pacer(largest, 1, self.told.append, lambda: self.now)

    def run(self, batch, steps, decoding=True):
        drafts = []
        for _ in range(steps):
            next_draft = self.pacer[batch]
            seconds = self.verify(batch, self.drafted) + self.draft(batch, next_draft)
            self.now += seconds * (1 + self.noise * self.drawn.random())
            stood = [self._stood() for _ in range(batch)]
            verified = [(self.drafted, count) for count in stood] if self.drafted else []
            self.made += batch + sum(stood)
            self.pacer.count(batch, batch + sum(stood), verified, decoding=decoding)
            self.drafted = next_draft
            drafts.append(next_draft)
        return drafts

    def _stood(self):
        count = 0
        while count < self.drafted and self.drawn.random() < self.chance:
            count += 1
        return count


def verify(batch, drafted):
    """One pass of the base; large batches are bound by work."""
    return max(1.0, batch * (1 + drafted) / 16)


def draft(batch, drafted):
    """A tenth of the base for each token."""
    return 0.1 * drafted * max(1.0, batch / 16)


def test_small_batches_draft_and_large_ones_do_not():
    machine = Machine(verify, draft, 0.8)
    alone, crowd = machine.run(1, 200), machine.run(64, 400)
    assert alone[-1] >= 4
    assert crowd[-1] == 0
    assert any("1 sequence: " in text and "drafted tokens" in text for text in machine.told)
    assert any("64 to 127 sequences: plain decoding" in text for text in machine.told)
    assert machine.run(1, 1)[0] == alone[-1]  # each size remembers its own


@pytest.mark.parametrize("batch", [1, 4, 16, 64])
@pytest.mark.parametrize("chance", [0.0, 0.5, 0.9])
def test_trying_costs_little(batch, chance):
    machine = Machine(verify, draft, chance, noise=0.1)
    machine.run(batch, 500)
    plain = 500 * batch / (500 * verify(batch, 0) * 1.05)
    assert machine.made / machine.now > 0.97 * plain


def test_a_drafter_that_is_never_right_is_given_up_after_one_try():
    machine = Machine(verify, draft, 0.0)
    drafts = machine.run(1, 400)
    assert drafts[-1] == 0
    assert sum(map(bool, drafts)) < 8
    assert machine.told == ["speculation at 1 sequence: plain decoding, drafting does not pay"]


def test_what_pays_for_many_is_tried_at_once_for_fewer():
    machine = Machine(verify, draft, 0.9)
    machine.run(3, 300)
    assert max(machine.run(1, 12)) == machine.pacer[3] > 0


def test_plain_decoding_is_kept_where_the_gain_is_noise():
    machine = Machine(lambda batch, drafted: 1.0 + drafted, lambda batch, drafted: 0.0, 1.0, noise=0.1)
    assert machine.run(2, 300)[-1] == 0


def test_it_looks_again_when_the_text_has_changed():
    machine = Machine(verify, draft, 0.8)
    assert machine.run(1, 200)[-1] >= 4
    machine.chance = 0.0
    assert machine.run(1, 4 * REFRESH)[-1] == 0
    machine.chance = 0.9
    assert machine.run(1, 4 * REFRESH)[-1] >= 4


def test_steps_that_read_prompts_or_follow_another_batch_size_do_not_count():
    machine = Machine(verify, draft, 0.8)
    machine.run(1, 500, decoding=False)
    for _ in range(100):
        machine.run(1, 1)
        machine.run(8, 1)
    assert machine.told == []


@pytest.mark.parametrize(("largest", "drafts"), [(1, {0, 1}), (4, {0, 1, 2, 4}), (6, {0, 1, 2, 4, 6})])
def test_only_powers_of_two_and_the_largest_are_tried(largest, drafts):
    machine = Machine(lambda batch, drafted: 1.0, lambda batch, drafted: 0.0, 1.0, largest)
    found = machine.run(1, 300)
    assert found[-1] == largest
    assert set(found) <= drafts
