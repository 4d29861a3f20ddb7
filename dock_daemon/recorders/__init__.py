"""What the dock learns from a recorder over its control channel."""
