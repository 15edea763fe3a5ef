"""The runbook: its model, and how it is read, checked and described."""
