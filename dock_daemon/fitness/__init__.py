"""Whether a recorder may be taken on a shift, and how it has fared until now."""
