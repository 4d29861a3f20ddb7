"""Erasing on the recorder what is kept for sure: off, unless the settings switch it on."""
