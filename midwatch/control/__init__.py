"""Who drives an incident: the driver lock, the lease, the control socket and what operators request."""
