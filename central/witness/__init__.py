"""Cosigning heads that only ever grow."""
