"""The one place that says which version this is; the build reads it from here too."""

from typing import Final

VERSION: Final = "0.1.0"
"""What this software calls itself: a dock in its entries, every command by --version."""
