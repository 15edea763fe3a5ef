"""The journal: an append-only, hash-chained file of events, and the only source of truth. Format: `docs/journal.md`."""
