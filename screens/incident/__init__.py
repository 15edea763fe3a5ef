"""The incident screen."""
