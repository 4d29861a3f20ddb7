"""What the logs of all docks say, and what is late."""
