"""A second copy of store and log, and the check of what arrived."""
