"""The live panels."""
