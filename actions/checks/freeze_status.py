"""The check `freeze-status`: deployments are frozen, or not frozen, as expected."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from actions.support import freeze_file
from actions.support.migration_roles import roles_of
from midwatch.api.action import Check, Context, Outcome
from midwatch.api.parameters import param
from midwatch.system.clock import to_rfc3339
from midwatch.system.errors import BadInput

_WRONG = {True: "NOT read only: freeze again", False: "still read only: midwatch freeze off"}


@dataclass(frozen=True)
class CheckFreeze(Check):
    """Holds while deployments are frozen (`expect` on) or not frozen (`expect` off). A freeze past its end is none.

    Where targets name migration roles, these have to be read only during a freeze, and as before it after it. Says
    whose the freeze is, why, and when it ends. Unknown when the freeze file is there but cannot be understood.
    """

    name: ClassVar[str] = "freeze-status"
    summary: ClassVar[str] = "Deployments are frozen, or not, as expected"
    outputs: ClassVar[tuple[str, ...] | None] = ("frozen", "owner", "reason", "since", "until", "incident")

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
        if freeze is not None and freeze.incident:
            values["incident"] = freeze.incident
        if freeze is not None and stands:
            values |= {
                "owner": freeze.who,
                "reason": freeze.why,
                "since": to_rfc3339(freeze.since),
                "until": to_rfc3339(freeze.until),
            }
        wrong = []
        for one in roles_of(context.runbook, freeze.enforced_on if freeze is not None else ()):
            wrong += [f"{one.named(role)} is {_WRONG[stands]}" for role in (one.loose if stands else one.held)]
            if one.problem:
                summary += f"; {one.target.label}: {one.problem}"
        if wrong:
            summary += f"; but {'; '.join(wrong)}"
        values = {key: " ".join(text.split()) for key, text in values.items()}
        return Outcome(stands == (self.expect == "on") and not wrong, summary, values)
