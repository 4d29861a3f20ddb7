"""What can go wrong between two machines. Each error carries facts, never advice."""


class TransportError(Exception):
    """Two machines could not speak with one another."""
