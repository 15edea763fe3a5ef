"""The Docker engine, containers and commands inside them."""
