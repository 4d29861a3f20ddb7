"""Which version this is, as the dock's parts have always asked for it."""

from config.version import VERSION

__all__ = ["VERSION"]
