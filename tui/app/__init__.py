"""The Textual applications, their theme and settings."""
