"""The keys of every screen."""
