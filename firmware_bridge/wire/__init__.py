"""What recorders say and are told, as bytes: pure, values in and values out."""
