"""Who has which recorder, since when, and when it is due back."""
