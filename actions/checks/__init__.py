"""The checks, one file a check."""
