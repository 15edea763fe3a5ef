"""Whole screens to read."""
