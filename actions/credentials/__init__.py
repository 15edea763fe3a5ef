"""Passwords, and what depends on them."""
