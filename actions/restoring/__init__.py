"""How a backup is validated and restored."""
