"""The PostgreSQL servers of a drill."""
