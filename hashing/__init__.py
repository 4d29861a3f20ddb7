"""The rules of evidence: entries, the tree over them, signed checkpoints, and their judge.

Nothing here knows the dock. README.md in this folder says what lies where.
"""
