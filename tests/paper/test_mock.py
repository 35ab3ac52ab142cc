"""The whole page of SCALE=paper from simulated runs, marked on every page and figure."""

import sys

import pytest
from figure_checks import assert_readable

from rast_eval.paper import targets
from tools import mock_paper

FIGURES = ("figure1", "figure1b", "figure3", "figure4", "figure5", "figure6", "figure8", "figure9", "figure10")


@pytest.mark.slow
def test_the_papers_page_is_built_without_a_model_and_marked(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["mock_paper", "-o", str(tmp_path), "--limit", "4"])
    stamped = []

    def stamp(figure, mark):
        assert_readable(figure)
        stamped.append(mark)

    monkeypatch.setattr("rast_eval.report.style._stamp", stamp)
    mock_paper.main()
    assert capsys.readouterr().out.strip() == str(tmp_path / "paper.html")
    pages = [tmp_path / f"{name}.md" for name in targets.TARGETS]
    for page in [*pages, tmp_path / "paper.md", tmp_path / "paper.html", tmp_path / "figure5.html"]:
        assert mock_paper.MARK in page.read_text(encoding="utf-8"), page.name
    assert stamped == [mock_paper.MARK] * len(FIGURES)
    for name in FIGURES:
        assert (tmp_path / f"{name}.png").is_file()
        assert (tmp_path / f"{name}.pdf").is_file()
    text = (tmp_path / "paper.md").read_text(encoding="utf-8")
    assert "paper RR. 95.3" in text
    assert "test/intermediate_algebra/1454.json" in text
    assert "test/intermediate_algebra/2046.json" in text
