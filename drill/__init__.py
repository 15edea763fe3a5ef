"""The rehearsal: a throwaway production with real PostgreSQL servers and the faults of the reference incident."""
