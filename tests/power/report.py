"""The tables of docs/durability.md, between their marks: what was tried, and what came of it."""

import platform
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from tests.power.campaign import Figures
from tests.power.recording import ROOT
from tests.power.teeth import Bitten

PAGE: Final = ROOT / "docs" / "durability.md"
_COLUMNS: Final = (
    "disks", "runs", "of lying disks", "cuts", "recovery cut too", "disks apart", "docked again",
    "acknowledged clips looked for", "slowest start", "wrong",
)  # fmt: skip
_WORDS: Final = 100  # of what was seen, so many letters are told


def write(page: Path, name: str, lines: Iterable[str]) -> None:
    """Put lines between the marks of a table; raise ValueError where the page has no such marks."""
    begin, end = (
        f"<!-- {name}: made by script/torture cuts --report -->\n",
        f"<!-- end of {name} -->",
    )
    text = page.read_text("utf-8")
    if text.count(begin) != 1 or text.count(end) != 1:
        raise ValueError(f"{page} has no place for {name}")
    before, rest = text.split(begin)
    _, after = rest.split(end)
    page.write_text(before + begin + "\n".join([*lines, ""]) + end + after, "utf-8")


def of_cuts(figures: Sequence[Figures], seed: int) -> list[str]:
    """Return the table of a campaign."""
    lines = [
        f"Seed {seed}, Linux {platform.release().split('-')[0]}, {_commit()}:",
        "",
        _row(*_COLUMNS),
        _row("---", *["--:"] * (len(_COLUMNS) - 1)),
    ]
    for one in figures:
        cells = (
            one.layout, one.tapes, one.lying, one.cuts, one.deep, one.apart, one.again,
            f"{one.acknowledged:,}", f"{one.slowest_start_s:.1f} s", len(one.wrong),
        )  # fmt: skip
        lines.append(_row(*cells))
    cuts, wrong = sum(one.cuts for one in figures), sum(len(one.wrong) for one in figures)
    if not wrong:
        # The rule of three: none among n says that with 95 % certainty fewer than 3/n are.
        bound = f"{300 / max(1, cuts):.2g}"
        lines += ["", f"{cuts:,} cuts, 0 wrong: with 95 % certainty fewer than {bound} % would be."]
    else:
        lines += ["", f"**{cuts:,} cuts, {wrong} wrong.**"]
    return lines


def of_teeth(bitten: Sequence[Bitten], seed: int) -> list[str]:
    """Return the table of planted mistakes."""
    lines = [
        f"Seed {seed}:",
        "",
        "| planted mistake | disks | caught by cut | by what |",
        "| --- | --- | --: | --- |",
    ]
    for one in bitten:
        caught = str(one.after) if one.after else f"**not in {one.cuts}**"
        what = " ".join(one.what.split())[:_WORDS].replace("|", "/")
        lines.append(_row(f"`{one.plant}`", one.layout, caught, what))
    return lines


def _row(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def _commit() -> str:
    done = subprocess.run(
        ["/usr/bin/env", "git", "describe", "--always", "--dirty", "--abbrev=12"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return f"commit {done.stdout.strip() or 'unknown'}"
