"""How long clips are kept by the rules alone, before anybody has labelled them."""

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from config.presets import rule_preset
from dock_daemon.docking.retention import kept

ZONE = ZoneInfo("Asia/Shanghai")
STORED_MS = int(datetime(2028, 2, 29, 1, 30, tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("agency", "rule", "until"),
    [
        ("liaoning-emergency", "R-3Y", datetime(2031, 2, 28, 16, tzinfo=UTC)),
        ("jilin-civil-affairs", "R-2Y", datetime(2030, 2, 28, 16, tzinfo=UTC)),
    ],
)
def test_whatever_is_recorded_is_kept_for_years(agency: str, rule: str, until: datetime) -> None:
    """From the day on which it was stored, to the end of the last day in the office's zone."""
    found = kept(STORED_MS, rule_preset(agency, Path("/nowhere")).content, ZONE)
    assert found is not None
    assert (found.rule, found.until_ms) == (rule, int(until.timestamp() * 1000))
    assert found.article


@pytest.mark.parametrize("agency", ["putuo-emergency", "yuyao-emergency"])
def test_where_only_a_label_could_tell_nothing_is_said(agency: str) -> None:
    """A class that not every recording has, or no class at all, is nobody's by itself."""
    assert kept(STORED_MS, rule_preset(agency, Path("/nowhere")).content, ZONE) is None
