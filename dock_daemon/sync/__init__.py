"""Bringing the log to those who vouch for it, and copies of it elsewhere."""
