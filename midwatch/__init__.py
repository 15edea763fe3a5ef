"""The core of Midwatch: runbooks, incidents, the journal and the supervisor, with no screen.

This package is also the public API of plug-ins: an action imports `midwatch.api.action`, a probe imports
`midwatch.api.probe`, and neither needs anything else of ours.
"""

__version__ = "0.1.0"
