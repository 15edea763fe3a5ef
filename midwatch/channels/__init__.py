"""Senders: each gives one message to one receiver and says what became of it."""
