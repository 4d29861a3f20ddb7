"""What the centre serves: witness, mirror, overview."""
