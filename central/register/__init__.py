"""Which docks there are, and by which keys they sign."""
