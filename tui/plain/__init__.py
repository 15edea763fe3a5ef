"""The front end of plain lines: for screen readers, terminals that can do nothing, and pipes."""
