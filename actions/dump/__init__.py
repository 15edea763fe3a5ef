"""How a database is dumped."""
