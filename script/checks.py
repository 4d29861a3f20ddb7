"""What script/test runs, one step after another, and the summary at its end.

A step that fails does not stop the next: whoever waits for a test run wants to see everything that
is wrong. The last line holds pytest's own counts; the exit code is 0 only when every step passed.
"""

import os
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
REPORT: Final = ROOT / ".cache" / "pytest.xml"
# All tests: shared out over the processors, file by file. Whoever names some wants to watch them.
EVERYTHING: Final = ("-q", "--numprocesses=auto", "--dist=loadfile")
PYTHON: Final = (sys.executable, "-I", "-m")


@dataclass(frozen=True, slots=True)
class Step:
    """One tool's verdict, and how long it took to reach it."""

    name: str
    passed: bool
    took_s: float


@dataclass(frozen=True, slots=True)
class Counts:
    """What pytest says that it did; a test that broke before or after its body counts as failed."""

    passed: int = 0
    failed: int = 0
    not_run: Counter[str] | None = None
    """Reason → how many tests were skipped for it."""

    def line(self) -> str:
        """Return the plain closing line."""
        skipped = sum((self.not_run or {}).values())
        return f"{self.passed} passed, {self.failed} failed, {skipped} skipped"


def run(name: str, *command: str) -> Step:
    """Run one tool in the checkout, its output going straight to ours."""
    print(f"\n== {name}", flush=True)
    began = time.monotonic()
    code = subprocess.run(command, cwd=ROOT, check=False).returncode
    return Step(name, code == 0, time.monotonic() - began)


def read_counts(report: Path) -> Counts:
    """Return what pytest's own report says; nothing at all when it never came to write one."""
    if not report.exists():
        return Counts()
    passed = failed = 0
    not_run: Counter[str] = Counter()
    # Written by our own pytest a moment ago: no stranger's XML.
    for case in ET.parse(report).iter("testcase"):  # noqa: S314 (see the line above)
        kinds = {child.tag for child in case}
        if kinds & {"failure", "error"}:
            failed += 1
        elif (skipped := case.find("skipped")) is not None:
            not_run[skipped.get("message", "no reason given")] += 1
        else:
            passed += 1
    return Counts(passed, failed, not_run)


def main(arguments: list[str]) -> int:
    """Run every step, print the summary, return the exit code."""
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.unlink(missing_ok=True)
    lint_imports = str(Path(sys.executable).with_name("lint-imports"))
    steps = [
        run("ruff check", *PYTHON, "ruff", "check", "."),
        run("ruff format", *PYTHON, "ruff", "format", "--check", "."),
        run("mypy", *PYTHON, "mypy"),
        run("import-linter", lint_imports, "--no-logo"),
        run("pytest", *PYTHON, "pytest", f"--junitxml={REPORT}", *(arguments or EVERYTHING)),
    ]
    counts = read_counts(REPORT)
    print("\n== summary")
    for step in steps:
        print(f"{step.name:<14} {'passed' if step.passed else 'FAILED':<7} {step.took_s:7.1f} s")
    if counts.not_run:
        print("\nnot run:")
        for reason, count in counts.not_run.most_common():
            print(f"  {count:>4} × {reason}")
        if os.environ.get("SEALDOCK_REQUIRE") != "all":
            print("  (SEALDOCK_REQUIRE=all makes whatever can be installed a failure instead)")
    print(counts.line())
    return 0 if all(step.passed for step in steps) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
