"""The documents: what they point at is there."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("agent", "central", "docs", "systemd")


def documents() -> Iterator[Path]:
    """Yield every Markdown file that a reader of the project may open."""
    yield from sorted(ROOT.glob("*.md"))
    for folder in FOLDERS:
        yield from sorted((ROOT / folder).rglob("*.md"))


def test_every_relative_link_leads_somewhere() -> None:
    """A link from one document to another file or folder of the project resolves."""
    broken = {
        f"{document.relative_to(ROOT)}: {target}"
        for document in documents()
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", document.read_text("utf-8"))
        if "://" not in target and not (document.parent / target).exists()
    }
    assert broken == set()


def test_every_decision_is_listed() -> None:
    """The list of decisions names each file of its folder once, in order."""
    folder = ROOT / "docs" / "adr"
    listed = re.findall(r"\((\d{4}-[\w-]+\.md)\)", (folder / "README.md").read_text("utf-8"))
    assert listed == sorted(path.name for path in folder.glob("[0-9]*.md"))
