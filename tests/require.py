"""What a test needs from its machine: said plainly where it is missing.

With SEALDOCK_REQUIRE=all in the environment a missing thing is a failure, so
that a machine which claims to run everything cannot skip in silence.
"""

import os

import pytest


def need(condition: object, what: str) -> None:
    """Skip the running test unless `condition` holds; fail where all is required."""
    if condition:
        return
    if os.environ.get("SEALDOCK_REQUIRE") == "all":
        pytest.fail(f"this machine must have it, and has not: {what}", pytrace=False)
    pytest.skip(f"not on this machine: {what}")
