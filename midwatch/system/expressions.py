"""Compares texts with a regular expression of a runbook, and gives up on one that backtracks for ever."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field

from midwatch.system.errors import Failed

_TEXT_CPU_S, _CPU_S = 1, 10
"""Seconds of processor time for one text, and for all texts that are compared together."""
_PATIENCE_S = 60.0
"""Seconds after which a machine that is too busy to compare counts as an expression that takes too long."""
TOO_SLOW = "the trigger's expression takes more than a second for a line: simplify its match"
_KNOWN_LINES_LIMIT = 10_000
_COMPARE = f"""
import json, re, resource, signal, sys
resource.setrlimit(resource.RLIMIT_CPU, ({_CPU_S}, {_CPU_S}))
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
pattern, how, texts = json.load(sys.stdin)
compare = getattr(re.compile(pattern), how)
def found(text):
    signal.setitimer(signal.ITIMER_VIRTUAL, {_TEXT_CPU_S})
    return compare(text) is not None
json.dump([found(text) for text in texts], sys.stdout)
"""


def matches(pattern: str, text: str) -> bool | None:
    """Whether the whole text matches; None where that takes more than a second of processor time.

    Only an expression that repeats a group, or with many repetitions, can take long: a process that can be ended
    compares it.
    """
    if _is_quick(pattern, repetitions=2):
        return re.fullmatch(pattern, text) is not None
    found = _compared(pattern, "fullmatch", [text])
    return found[0] if found else None


@dataclass(slots=True)
class LineSearch:
    """Looks for an expression in lines, again and again; a process that can be ended compares the lines that are new.

    One that took more than a second of processor time for a line is not compared any more.
    """

    pattern: str
    gave_up: bool = False
    _known: dict[int, bool] = field(default_factory=dict)

    def found_in(self, texts: Sequence[str]) -> list[bool]:
        """For each text whether the expression is found in it; in none after it has taken too long."""
        if _is_quick(self.pattern, repetitions=1):  # the lines are long, and a search begins at each letter
            return [re.search(self.pattern, text) is not None for text in texts]
        known = self._known if len(self._known) <= _KNOWN_LINES_LIMIT else {}
        new = [text for text in dict.fromkeys(texts) if hash(text) not in known]
        if new and not self.gave_up:
            found = _compared(self.pattern, "search", new)
            self.gave_up = found is None
            self._known = known = {**known, **dict(zip(map(hash, new), found or (), strict=False))}
        return [known.get(hash(text), False) for text in texts]


def _is_quick(pattern: str, *, repetitions: int) -> bool:
    """Whether the expression cannot take long: no flags, few repetitions, and none of a group."""
    if "(?" in pattern or re.search(r"\)[*+?{]", pattern):
        return False
    return len(re.findall(r"[*+?{]", pattern)) <= repetitions


def _compared(pattern: str, how: str, texts: Sequence[str]) -> list[bool] | None:
    """What a child finds for each text; None where it took too long. Raises `Failed` where it cannot be started."""
    argv, given = [sys.executable, "-I", "-S", "-c", _COMPARE], json.dumps([pattern, how, texts])
    try:
        ended = subprocess.run(argv, check=False, input=given, text=True, capture_output=True, timeout=_PATIENCE_S)
    except subprocess.TimeoutExpired:
        return None
    except OSError as error:
        raise Failed(f"The expression {pattern!r} cannot be compared: {error.strerror}", hint="Try again") from error
    return None if ended.returncode else json.loads(ended.stdout)
