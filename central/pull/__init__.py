"""Fetching the logs of docks that can be reached."""
