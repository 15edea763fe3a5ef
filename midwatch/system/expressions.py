"""Compares a text with a regular expression of a runbook, and gives up on one that backtracks for ever."""

from __future__ import annotations

import json
import re
import subprocess
import sys

_CPU_S = 1
_PATIENCE_S = 60.0
"""Seconds after which a machine that is too busy to compare counts as an expression that takes too long."""
_COMPARE = f"""
import json, re, resource, sys
resource.setrlimit(resource.RLIMIT_CPU, ({_CPU_S}, {_CPU_S}))
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
pattern, text = json.load(sys.stdin)
sys.exit(re.fullmatch(pattern, text) is None)
"""


def matches(pattern: str, text: str) -> bool | None:
    """Whether the whole text matches; None where that takes more than a second of processor time.

    Only an expression with a group, or with many repetitions, can take long: a process that can be ended compares it.
    """
    if "(" not in pattern and len(re.findall(r"[*+?{]", pattern)) <= 2:
        return re.fullmatch(pattern, text) is not None
    argv, given = [sys.executable, "-I", "-S", "-c", _COMPARE], json.dumps([pattern, text])
    try:
        ended = subprocess.run(argv, check=False, input=given, text=True, capture_output=True, timeout=_PATIENCE_S)
    except subprocess.TimeoutExpired:
        return None
    return {0: True, 1: False}.get(ended.returncode)
