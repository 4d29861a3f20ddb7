"""One recorder's control channel, driven by a process of its own."""
