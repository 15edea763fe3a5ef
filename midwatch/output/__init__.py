"""The output of steps, read through its file and an index."""
