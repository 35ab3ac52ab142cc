import pytest

from rast_eval.errors import UsageError
from rast_eval.paper import published
from rast_eval.paper.memory import billions_of, cards, memory_table, power_of_two, rast_memory, training_memory


def test_the_papers_example_of_14b():
    found = training_memory(14, tp=4)
    assert found.weights_per_gpu == 21
    assert found.optimizer_cpu == 112
    assert (found.low, found.high) == (4 * (21 + 17), 4 * (21 + 33))


def test_printed_totals_lie_within_our_ranges():
    for row in published.table4():
        found = rast_memory(row.base, row.delta)
        assert found.low <= row.rast_gb.high
        assert row.rast_gb.low <= found.high
        assert found.ceiling.low <= row.rl_gb.high
        assert row.rl_gb.low <= found.ceiling.high


def test_inference_decides_where_the_delta_is_small():
    found = rast_memory("32b", "1.5b")
    assert found.inference == 2 * (32 + 3)
    assert (found.low, found.paper) == (found.inference, None)
    assert memory_table([found]).rows[0][4] == "–"


def test_the_paper_s_cards_stand_under_its_totals():
    rows = memory_table([rast_memory("32b", "7b"), rast_memory("14b", "7b")]).rows
    assert [row[4] for row in rows] == ["100\n4x40GB", "100\n4x40GB"]
    assert [row[6] for row in rows] == ["350\n8x80GB", "160\n8x80GB"]


@pytest.mark.parametrize(("value", "power"), [(0.2, 1), (1, 1), (1.01, 2), (4, 4), (4.1, 8)])
def test_power_of_two(value, power):
    assert power_of_two(value) == power


def test_sizes_and_cards():
    assert billions_of("llama3.1-70b") == 70
    assert cards(160, 80) == 2
    assert cards(161, 80) == 4
    with pytest.raises(UsageError, match="does not end in a size"):
        billions_of("large")
