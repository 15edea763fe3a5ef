"""Backup files, their manifests, checksums and encryption."""
