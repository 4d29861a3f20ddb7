"""One docking: what is on a recorder, what to take over, and what is said about it."""
