"""The viewer's page: one HTML file with its modules, its style and, as a bundle, its data inside.

The server and a bundle send the same page. Modules are inlined behind an import map, so nothing is fetched; a nonce
lets those scripts run and no other, whatever a model wrote.
"""

from __future__ import annotations

import base64
import gzip
import html
import json
import re
import secrets
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

ASSETS = Path(__file__).parent / "assets"
KATEX = "vendor/katex.min.js"


@dataclass(frozen=True)
class Page:
    """A page and the policy under which a browser shall read it."""

    html: str
    policy: str


@cache
def _text(name: str) -> str:
    return (ASSETS / name).read_text(encoding="utf-8")


@cache
def _import_map() -> str:
    """`view/list` and so on, each module as a data: URL."""
    modules = {}
    for path in sorted(ASSETS.glob("*.js")):
        source = f"{_text(path.name)}\n//# sourceURL=view/{path.name}\n"
        coded = base64.b64encode(source.encode()).decode()
        modules[f"view/{path.stem}"] = f"data:text/javascript;base64,{coded}"
    return json.dumps({"imports": modules})


def make_page(title: str = "rast-eval", data: Any = None) -> Page:
    """The page, with `data` in it where it shall stand alone.

    Args:
        data: what `bundle.gather` returns.
    """
    nonce = secrets.token_urlsafe(16)
    packed = "" if data is None else base64.b64encode(gzip.compress(json.dumps(data).encode(), mtime=0)).decode()
    fetched = "'self'" if data is None else "'none'"
    policy = (
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; img-src data:; "
        f"connect-src {fetched}; base-uri 'none'; form-action 'none'"
    )
    parts = {
        "title": html.escape(title),
        "nonce": nonce,
        "policy": html.escape(policy),
        "style": _text("view.css"),
        "modules": _import_map(),
        "katex": _text(KATEX).replace("</script", r"<\/script"),
        "data": packed,
    }
    return Page(re.sub(r"{{(\w+)}}", lambda found: parts[found[1]], _text("index.html")), policy)
