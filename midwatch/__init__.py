"""The core of Midwatch: runbooks, incidents, the journal and the supervisor, with no screen.

This package is also the public API of plug-ins: an action imports `midwatch.api.action`, a probe imports
`midwatch.api.probe`, and neither needs anything else of ours.
"""

import logging

__version__ = "0.1.0"

PACKAGES = ("actions", "drill", "midwatch", "probes", "screens", "tui")
"""The top-level packages of Midwatch, which lie beside one another."""

for _name in PACKAGES:  # a message that nobody asked for goes nowhere, instead of to standard error
    logging.getLogger(_name).addHandler(logging.NullHandler())
