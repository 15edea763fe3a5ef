"""The output of monitoring plug-ins."""
