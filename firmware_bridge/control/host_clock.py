"""The dock's own clocks, as drivers read them. Times in microseconds."""

import time


class RealClock:
    """The dock's own clocks."""

    def utc_us(self) -> int:
        """Return the time as UTC since 1970."""
        return time.time_ns() // 1000

    def monotonic_us(self) -> int:
        """Return a time that never steps."""
        return time.monotonic_ns() // 1000
