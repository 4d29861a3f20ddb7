"""Holding copies of whole logs."""
