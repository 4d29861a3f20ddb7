"""An instant as a court writes it."""

from datetime import UTC, datetime


def utc(time_s: int) -> str:
    """Return a time in seconds since 1970 as UTC; far beyond the calendar, its seconds."""
    try:
        return f"{datetime.fromtimestamp(time_s, UTC):%Y-%m-%dT%H:%M:%SZ}"
    except (ValueError, OverflowError, OSError):
        return f"{time_s} s"
