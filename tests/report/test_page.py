from html.parser import HTMLParser

import pytest

from rast_eval.report.page import Heading, Picture, Text, Tokens, to_html, to_markdown
from rast_eval.report.table import Table


class Balance(HTMLParser):
    """Fails where a tag is not closed in order."""

    def __init__(self):
        super().__init__()
        self.open, self.data = [], []

    def handle_starttag(self, tag, attributes):
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.data.append(data)


@pytest.fixture
def blocks(tmp_path):
    picture = tmp_path / "figure.png"
    picture.write_bytes(b"not really a picture")
    return [
        Heading("Table 1: scores", "table1"),
        Heading("Figure 5", "figure5"),
        Text("a < b & c"),
        Table("Scores", ("arm", "Avg."), (("RAST", "85.2 ± 2.8\nRR. 83.0"),), "Avg. = mean"),
        Picture(picture, "A picture"),
        Tokens([" First", "<"], [1.3, 0.0], "nats", "KL of one output."),
    ]


def test_html_is_whole_and_self_contained(blocks):
    text = to_html("Page & more", blocks)
    parser = Balance()
    parser.feed(text)
    assert parser.open == []
    shown = "".join(parser.data)
    assert "a < b & c" in shown
    assert "85.2 ± 2.8\nRR. 83.0" in shown
    assert 'src="data:image/png;base64,' in text
    assert "http" not in text.replace("http://www.w3.org", "")
    assert '<meta name="viewport"' in text
    assert "color-scheme: light dark" in text
    assert '<a href="#table1">Table 1</a>' in text
    assert 'title="1.3 nats"' in text


def test_markdown_links_pictures_beside_it(blocks, tmp_path):
    text = to_markdown("A page", blocks, tmp_path)
    assert text.startswith("# A page\n\n## Table 1: scores\n")
    assert to_markdown("", blocks, tmp_path) == text.partition("\n")[2].removeprefix("\n")
    assert "a \\< b & c" in text
    assert "![A picture](figure.png)" in text
    assert "| RAST | 85.2 ± 2.8<br>RR. 83.0 |" in text
    assert "Largest (nats): `First` 1.3." in text
