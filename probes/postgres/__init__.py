"""PostgreSQL from outside: ways into a server, connections with limits, and client programs that are new enough."""
