"""Runs an incident: plans, approvals, attempts, results, policy."""
