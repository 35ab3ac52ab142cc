"""Pages made of blocks, as markdown and as one self-contained HTML file.

page = [Heading("Table 1", "table1"), table, Picture(Path("figure1.png"), "Path coverage")]
to_markdown("Title", page, root), to_html("Title", page)
"""

from __future__ import annotations

import base64
import html
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rast_eval.report.style import ink_on, shade
from rast_eval.report.table import Table, markdown, markdown_table

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #1a1a1a; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2.5rem; border-top: 1px solid #ddd; padding-top: 1rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .86rem; margin: .5rem 0; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .7rem; text-align: right; vertical-align: top; white-space: pre-line; }
th { border-bottom: 2px solid #333; } td { border-bottom: 1px solid #e5e5e5; }
.key { text-align: left; }
.note, figcaption { color: #555; font-size: .84rem; } figure { margin: 1rem 0; } img { max-width: 100%; }
pre.tokens { white-space: pre-wrap; font: 14px/2 ui-monospace, monospace; }
pre.tokens span { border-radius: 3px; box-shadow: inset 0 0 0 1px #fff; }
nav a { margin-right: .8rem; white-space: nowrap; }
"""


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
        return f"**{markdown(block.title)}**\n\n{markdown_table(block)}"
    if isinstance(block, Picture):
        caption = markdown(block.caption)
        return f"![{caption}]({os.path.relpath(block.file, root)})\n\n{caption}\n"
    largest = sorted(zip(block.values, block.tokens, strict=True), reverse=True)[:8]
    listed = ", ".join(f"`{token.strip()}` {value:.3g}" for value, token in largest if value > 0)
    return f"{markdown(block.caption)} Largest ({block.unit}): {listed or 'none'}.\n"


def to_html(title: str, blocks: Sequence[Block]) -> str:
    """The page as one HTML file with its pictures inside."""
    anchors = [block for block in blocks if isinstance(block, Heading)]
    nav = " ".join(f'<a href="#{block.anchor}">{html.escape(block.text.partition(":")[0])}</a>' for block in anchors)
    body = "\n".join(_html(block) for block in blocks)
    head = f'<meta charset="utf-8"><title>{html.escape(title)}</title><style>{STYLE}</style>'
    menu = f"<nav>{nav}</nav>" if len(anchors) > 1 else ""
    heading = f"<h1>{html.escape(title)}</h1>"
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{heading}{menu}{body}</body></html>\n'


def _html(block: Block) -> str:
    if isinstance(block, Heading):
        return f'<h2 id="{block.anchor}">{html.escape(block.text)}</h2>'
    if isinstance(block, Text):
        return f"<p>{html.escape(block.text)}</p>"
    if isinstance(block, Table):
        return _table(block)
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


def _table(table: Table) -> str:
    def cells(tag: str, row: Sequence[str]) -> str:
        return "".join(
            f"<{tag}{' class=key' if i < table.keys else ''}>{html.escape(cell)}</{tag}>" for i, cell in enumerate(row)
        )

    rows = "".join(f"<tr>{cells('td', row)}</tr>" for row in table.rows)
    note = "".join(f'<p class="note">{html.escape(line)}</p>' for line in table.note.splitlines())
    head = f"<thead><tr>{cells('th', table.header)}</tr></thead>"
    drawn = f'<div class="scroll"><table>{head}<tbody>{rows}</tbody></table></div>'
    return f"<p><b>{html.escape(table.title)}</b></p>{drawn}{note}"


def _tokens(block: Tokens) -> str:
    largest = max(block.values, default=0.0)
    spans = []
    for token, value in zip(block.tokens, block.values, strict=True):
        background = shade(value, largest)
        style = f"background:{background};color:{ink_on(background)}"
        spans.append(f'<span style="{style}" title="{value:.4g} {block.unit}">{html.escape(token)}</span>')
    return f'<pre class="tokens">{"".join(spans)}</pre><p class="note">{html.escape(block.caption)}</p>'
