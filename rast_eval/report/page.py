"""Pages made of blocks, as markdown and as one self-contained HTML file.

page = [Heading("Table 1", "table1"), table, Picture(Path("figure1.png"), "Path coverage")]
to_markdown("Title", page, root), to_html("Title", page)
"""

from __future__ import annotations

import base64
import html
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rast_eval.report.style import ink_on, shade
from rast_eval.report.table import Table, markdown, markdown_table

Link = Callable[[Table, Sequence[str], int], str | None]
"""Where a table's cell leads, given its row and column."""


@dataclass(frozen=True)
class Heading:
    """A section's title; `anchor` is its place in the page."""

    text: str
    anchor: str


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str


@dataclass(frozen=True)
class Picture:
    """A PNG with its caption; the PDF beside it is linked from markdown."""

    file: Path
    caption: str


@dataclass(frozen=True)
class Tokens:
    """Text with a value a token, darker where it is larger."""

    tokens: Sequence[str]
    values: Sequence[float]
    unit: str
    caption: str


Block = Heading | Text | Table | Picture | Tokens


def to_markdown(title: str, blocks: Sequence[Block], root: Path | None = None) -> str:
    """The page as markdown.

    Args:
        title: empty for a part of a larger page.
        root: pictures are linked relative to it.
    """
    return "\n".join([*([f"# {markdown(title)}\n"] if title else []), *(_markdown(block, root) for block in blocks)])


def _markdown(block: Block, root: Path | None) -> str:
    if isinstance(block, Heading):
        return f"## {markdown(block.text)}\n"
    if isinstance(block, Text):
        return f"{markdown(block.text)}\n"
    if isinstance(block, Table):
        title = f"**{markdown(block.title)}**\n\n" if block.title else ""
        return f"{title}{markdown_table(block)}"
    if isinstance(block, Picture):
        caption = markdown(block.caption)
        return f"![{caption}]({os.path.relpath(block.file, root)})\n\n{caption}\n"
    largest = sorted(zip(block.values, block.tokens, strict=True), reverse=True)[:8]
    listed = ", ".join(f"`{token.strip()}` {value:.3g}" for value, token in largest if value > 0)
    return f"{markdown(block.caption)} Largest ({block.unit}): {listed or 'none'}.\n"


def to_html(title: str, blocks: Sequence[Block], link: Link | None = None) -> str:
    """The page as one HTML file with its pictures inside; a column's title sorts its table.

    Args:
        link: where each cell of a table leads.
    """
    anchors = [block for block in blocks if isinstance(block, Heading)]
    nav = " ".join(f'<a href="#{block.anchor}">{html.escape(block.text.partition(":")[0])}</a>' for block in anchors)
    body = "\n".join(_html(block, link) for block in blocks)
    style, script = (Path(__file__).with_name(name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    view = '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
    head = f"{view}<title>{html.escape(title)}</title><style>{style}</style>"
    menu = f"<nav>{nav}</nav>" if len(anchors) > 1 else ""
    body = f"<h1>{html.escape(title)}</h1>{menu}{body}<script>{script}</script>"
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{body}</body></html>\n'


def _html(block: Block, link: Link | None) -> str:
    if isinstance(block, Heading):
        return f'<h2 id="{block.anchor}">{html.escape(block.text)}</h2>'
    if isinstance(block, Text):
        return f"<p>{html.escape(block.text)}</p>"
    if isinstance(block, Table):
        return _table(block, link)
    if isinstance(block, Picture):
        data = base64.b64encode(block.file.read_bytes()).decode()
        caption = html.escape(block.caption)
        image = f'<img alt="{caption}"{_width(block.file)} src="data:image/png;base64,{data}">'
        return f"<figure>{image}<figcaption>{caption}</figcaption></figure>"
    return _tokens(block)


def _width(png: Path) -> str:
    """A width that shows a 200 dpi picture a little larger than in print."""
    head = png.read_bytes()[:24]
    if head[:8] != b"\x89PNG\r\n\x1a\n":
        return ""
    return f' width="{round(int.from_bytes(head[16:20], "big") * 0.6)}"'


def _table(table: Table, link: Link | None) -> str:
    def cell(tag: str, i: int, shown: str) -> str:
        return f"<{tag}{' class=key' if i < table.keys else ''}>{shown}</{tag}>"

    def linked(row: Sequence[str], i: int) -> str:
        to = link(table, row, i) if link else None
        text = html.escape(row[i])
        return f'<a href="{html.escape(to)}">{text}</a>' if to and text else text

    rows = "".join(f"<tr>{''.join(cell('td', i, linked(row, i)) for i in range(len(row)))}</tr>" for row in table.rows)
    titles = "".join(cell("th", i, html.escape(name)) for i, name in enumerate(table.header))
    note = "".join(f'<p class="note">{html.escape(line)}</p>' for line in table.note.splitlines())
    drawn = f'<div class="scroll"><table><thead><tr>{titles}</tr></thead><tbody>{rows}</tbody></table></div>'
    title = f"<p><b>{html.escape(table.title)}</b></p>" if table.title else ""
    return f"{title}{drawn}{note}"


def _tokens(block: Tokens) -> str:
    largest = max(block.values, default=0.0)
    spans = []
    for token, value in zip(block.tokens, block.values, strict=True):
        background = shade(value, largest)
        style = f"background:{background};color:{ink_on(background)}"
        spans.append(f'<span style="{style}" title="{value:.4g} {block.unit}">{html.escape(token)}</span>')
    return f'<pre class="tokens">{"".join(spans)}</pre><p class="note">{html.escape(block.caption)}</p>'
