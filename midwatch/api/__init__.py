"""What a plug-in imports: actions, probes, their parameters and plans."""
