"""The shared runbook and console."""

from __future__ import annotations

from tests.support.host_world import heard, make_context, make_runbook

__all__ = ["heard", "make_context", "make_runbook"]
