"""The check `freeze-status`: deployments are frozen, or not frozen, as expected."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from actions.support import freeze_file
from midwatch.api.action import Check, Context, Outcome
from midwatch.api.parameters import param
from midwatch.system.clock import to_rfc3339
from midwatch.system.errors import BadInput


@dataclass(frozen=True)
class CheckFreeze(Check):
    """Holds while deployments are frozen (`expect` on) or not frozen (`expect` off). A freeze past its end is none.

    Says whose it is, why, and when it ends. Unknown when the freeze file is there but cannot be understood.
    """

    name: ClassVar[str] = "freeze-status"
    summary: ClassVar[str] = "Deployments are frozen, or not, as expected"
    outputs: ClassVar[tuple[str, ...] | None] = ("frozen", "owner", "reason", "since", "until")

    expect: str = param("'on' or 'off' (in quotes in YAML)", default="on")

    def evaluate(self, context: Context) -> Outcome:
        """Read the freeze file and compare it with the expected state."""
        if self.expect not in ("on", "off"):
            raise BadInput(f"expect is 'on' or 'off', not {self.expect!r}", hint="Write it in quotes in YAML")
        freeze = freeze_file.read(context.location("freeze"))
        stands = freeze is not None and freeze.stands(context.clock.now())
        if freeze is None:
            summary = "Not frozen"
        elif stands:
            summary = f"F{str(freeze)[1:]}"
        else:
            summary = f"Not frozen: the freeze ended ({freeze})"
        values = {"frozen": "yes" if stands else "no"}
        if freeze is not None and stands:
            values |= {
                "owner": freeze.who,
                "reason": freeze.why,
                "since": to_rfc3339(freeze.since),
                "until": to_rfc3339(freeze.until),
            }
        return Outcome(
            stands == (self.expect == "on"), summary, {key: " ".join(text.split()) for key, text in values.items()}
        )
