"""The outbox: messages that wait to be sent, in the incident's folder, and the process that sends them."""
