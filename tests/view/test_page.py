"""The page in a real browser: filter, search, open, keys, sizes, schemes, and that no model's text runs."""

import pytest
from browser import browser

from rast_eval.report.run_report import write_pages
from rast_eval.results.metrics import evaluate_run
from rast_eval.view.bundle import write_bundle

pytestmark = pytest.mark.slow

COUNT = "document.querySelector('.count').textContent"
TITLE = "document.querySelector('#detail h2')?.textContent"


@pytest.fixture(scope="module")
def tab(tmp_path_factory):
    with browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture(scope="module", params=["served", "bundle"])
def url(request, shown, server, tmp_path_factory):
    if request.param == "served":
        return server.url
    file = tmp_path_factory.mktemp("bundle") / "run.html"
    write_bundle(shown, file)
    return file.as_uri()


@pytest.fixture
def page(tab, url):
    tab.size(1600)
    tab.open(url)
    return tab


def test_the_list_has_a_row_of_dots_an_arm(page):
    assert page.look("document.querySelectorAll('.row').length") == 12
    assert page.look("[...document.querySelectorAll('.row:first-child .dots')].map((row) => row.children.length)") == [
        1,
        4,
        4,
    ]


def test_keys_walk_through_problems_and_samples(page):
    page.key("j")
    page.wait(f"{TITLE} === 'own / 0'")
    page.key("ArrowDown")
    page.wait(f"{TITLE} === 'own / 1'")
    page.key("k")
    page.wait(f"{TITLE} === 'own / 0'")
    page.key("ArrowRight")
    page.wait("document.querySelector('[data-column=\"1\"] h3').textContent.includes('sample 1 of 4')")
    page.key("/")
    assert page.look("document.activeElement.type") == "search"
    page.type("j")  # a letter of the search, not a step
    assert page.look("document.activeElement.value") == "j"


def test_filters_and_a_tables_cell_narrow_the_list(page, shown):
    rows = shown.rows("own")["rows"]
    page.click("[data-filter=disputed]")
    page.wait(f"{COUNT}.startsWith('{sum(row['disputed'] for row in rows)} of 12')")
    page.click("[data-filter=disputed]")
    page.wait(f"{COUNT}.startsWith('12 of 12')")
    page.click("[data-cell='rast:n']")
    page.wait(f"{COUNT}.startsWith('{sum('n' in row['marks'][1] for row in rows)} of 12')")
    page.look("location.hash = ''")
    page.click("[data-filter=fixes]")
    fixed = sum(row["marks"][0] == "w" and sum(m in "rk" for m in row["marks"][1]) >= 2 for row in rows)
    page.wait(f"{COUNT}.startsWith('{fixed} of 12')")
    assert 0 < fixed < 12


def test_the_largest_gain_comes_first(page):
    page.look("location.hash = 'sort=gain'")
    page.wait("document.querySelector('select[aria-label=order]').value === 'gain'")
    gains = page.look("[...document.querySelectorAll('.gain')].map((one) => Number(one.textContent))")
    assert gains == sorted(gains, reverse=True)
    assert gains[0] > gains[-1]


def test_a_search_is_a_regular_expression(page):
    page.click("#list input")
    page.look("document.querySelector('#list input').focus()")
    page.type("^(5|7): solve")
    page.wait(f"{COUNT}.startsWith('2 of 12')")
    page.look("location.hash = 'q=('")
    page.wait(f"{COUNT}.startsWith('0 of 12') && {COUNT}.length > 20")


def test_a_sample_has_an_address(page, url):
    page.open(f"{url}#b=own&p=7&s=0,2,3")
    page.wait(f"{TITLE} === 'own / 7'")
    assert page.look("[...document.querySelectorAll('.card small')].map((one) => one.textContent.trim())") == [
        "sample 0 of 1", "sample 2 of 4", "sample 3 of 4"]  # fmt: skip
    assert page.look("document.querySelectorAll('.question math').length") >= 1, "the formula, not the prices"
    assert page.look("document.querySelector('.question .text').textContent").endswith("</script></script>")
    assert page.look("document.querySelector('[data-column=\"1\"] .dropped').textContent").startswith("\n\nQuestion:")
    assert page.look("document.querySelectorAll('.split').length") == 3, (
        "where each parts from what it is compared with"
    )


def test_no_text_of_a_model_or_a_benchmark_runs(page, url):
    page.open(f"{url}#b=own&p=7")
    page.wait(f"{TITLE} === 'own / 7'")
    page.look("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    assert page.look("document.querySelectorAll('#detail img, #detail script, #detail a, #list img').length") == 0
    assert page.look("document.title") != "taken"
    page.click(".token.flip")
    assert page.look("document.querySelectorAll('.token.flip').length") == 1
    assert page.look("[...document.querySelectorAll('.members th')].map((one) => one.textContent)") == [
        "base", "expert", "antiexpert", "RAST"]  # fmt: skip
    assert "onerror" in page.look("document.querySelector('.members code').textContent")
    assert page.look("document.querySelectorAll('.microscope img').length") == 0
    assert "onerror" in page.look("document.querySelector('[data-column=\"1\"] .output').textContent")
    assert page.problems == [], "neither an error nor a refused script"


@pytest.mark.parametrize("width", [420, 1600])
@pytest.mark.parametrize("dark", [False, True])
def test_nothing_is_wider_than_the_window(page, url, width, dark):
    page.size(width, dark=dark)
    for hash in ("", "#b=own&p=7"):
        page.open(url + hash)
        assert page.look("document.documentElement.scrollWidth") <= width
    ink, ground = (page.look(f"getComputedStyle(document.body).{name}") for name in ("color", "backgroundColor"))
    brightness = [sum(int(part) for part in value[4:-1].split(",")) for value in (ink, ground)]
    assert (brightness[0] > brightness[1]) == dark


def test_a_reports_columns_sort_and_its_numbers_lead_here(page, url, shown, run_and_rows, tmp_path):
    metrics = evaluate_run(run_and_rows[0])
    write_pages(metrics, tmp_path)
    page.open((tmp_path / "report.html").as_uri(), ready="document.querySelector('th[aria-sort]')")
    scores = (
        "[...document.querySelectorAll('table')[0].rows].slice(1).map((row) => parseFloat(row.cells[1].textContent))"
    )
    before = page.look(scores)
    page.click("th:nth-child(2)")
    assert page.look(scores) == sorted(before, reverse=True)
    page.click("th:nth-child(2)")
    assert page.look(scores) == sorted(before)
    assert page.look("document.documentElement.scrollWidth") <= 1600
    address = next(to for to in page.look("[...document.links].map((one) => one.href)") if to.endswith("rast%3Ack"))
    hash = address.partition("#")[2]
    page.open(f"{url}#{hash}")
    cut = sum(any(mark in "ck" for mark in row["marks"][1]) for row in shown.rows("own")["rows"])
    page.wait(f"{COUNT}.startsWith('{cut} of 12')")
