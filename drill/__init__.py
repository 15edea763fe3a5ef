"""The drill: a temporary production with real PostgreSQL servers and the faults of the reference incident."""
