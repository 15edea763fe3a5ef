"""The watcher: follows logs and samples checks, and leaves a request to declare when a trigger of the runbook fires."""
