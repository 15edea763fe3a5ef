"""What an incident leaves for people: the timeline and the draft of the post-mortem, as Markdown."""
