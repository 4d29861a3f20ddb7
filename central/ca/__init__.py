"""A certificate authority for a site that has none: docks and people prove who they are by it."""
