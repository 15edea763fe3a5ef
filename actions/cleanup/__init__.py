"""What may be removed, and how."""
