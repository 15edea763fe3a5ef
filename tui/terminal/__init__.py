"""What touches the internals of Textual and of the terminal."""
