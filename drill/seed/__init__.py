"""What a drill's production holds before it starts: backups, logs, Docker objects."""
