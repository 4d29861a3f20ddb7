"""The centre's command line."""
