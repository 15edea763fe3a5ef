"""How soon a key is answered on a real pseudo-terminal, while nothing happens and while a step floods the screen.

`python -m bench.keys [PRESSES]`. The median in the flood may be 1.2 times that of idle, the longest twice. It fails
when one is more. The screen and whoever presses go before other work of the machine, where root runs it; the step that
floods does not.
"""

from __future__ import annotations

import random
import statistics
import sys
import tempfile
from pathlib import Path

from bench.screen import Screen, before_others, started

ANSWER = b"How it works"
"""What only the help page says."""
PRESSES = 100
REST_S = (0.5, 0.8)
"""Between two presses, so that they come at any moment of what the screen does without a key."""


def answers(step: str, presses: int) -> list[float]:
    """Milliseconds from a key to the page that it opens while this step runs."""
    with tempfile.TemporaryDirectory() as name, started(Path(name), step), before_others():
        screen = Screen(Path(name), "runbook.yaml")
        try:
            screen.read(30, b"Enter")
            screen.read(8)  # readings come, trends settle
            found = []
            for _ in range(presses):
                screen.press(b"?")
                found.append(screen.read(20, ANSWER)[1] * 1000)
                screen.press(b"\x1b")
                screen.read(random.uniform(*REST_S))
        finally:
            screen.end()
    print(f"{step or 'idle':6} {statistics.median(found):.0f} ms (median), {max(found):.0f} ms (longest)", flush=True)
    return found


def main() -> int:
    """0 when the flood holds up no key."""
    presses = int(sys.argv[1]) if len(sys.argv) > 1 else PRESSES
    idle, flood = answers("", presses), answers("flood", presses)
    usual = statistics.median(idle)
    median, longest = statistics.median(flood) / usual, max(flood) / usual
    print(f"in a flood: {median:.2f} x idle (median), {longest:.2f} x idle (longest of {presses})")
    return median > 1.2 or longest > 2


if __name__ == "__main__":
    sys.exit(main())
