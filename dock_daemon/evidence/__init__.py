"""What the dock keeps: store, ledger, key and published log, and the one thread that owns them."""
