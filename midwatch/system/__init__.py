"""What the operating system offers, made safe and testable: files, processes, clocks."""
