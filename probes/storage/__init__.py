"""Disks, folders and open files."""
