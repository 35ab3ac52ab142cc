"""mkdocs' hook: README, CONTRIBUTING and CHANGELOG, which lie beside docs/, are pages of the site too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PAGES = {"README.md": "readme.md", "CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}


def on_files(files: Any, config: Any) -> Any:
    """The three files under names that docs/ does not have, their links from where they now stand."""
    from mkdocs.structure.files import File  # type: ignore[import-not-found]

    for name, page in PAGES.items():
        text = (
            (ROOT / name).read_text(encoding="utf-8").replace("](docs/", "](").replace("](README.md", "](../README.md")
        )
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Links to the three lead to these pages; the index is no answer to a search."""
    if page.file.src_uri == "README.md":
        page.meta["search"] = {"exclude": True}
    for name, target in PAGES.items():
        markdown = markdown.replace(f"](../{name}", f"]({target}").replace(f"]({name}", f"]({target}")
    return markdown
