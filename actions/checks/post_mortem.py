"""The check `post-mortem`: the post-mortem is written, complete and published."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from actions.support.incident_values import events_of
from midwatch.api.action import Check, Context, Outcome
from midwatch.api.parameters import param
from midwatch.incident.paths import IncidentFolder
from midwatch.incident.reducer import reduce
from midwatch.system.errors import OutcomeUnknown
from midwatch.system.units import counted


@dataclass(frozen=True)
class CheckPostMortem(Check):
    """Holds when the incident's `post-mortem.md` is there, has no empty section, and was published.

    That it was published is given as `published` (where), or said by its status (`midwatch post-mortem --status
    published`), or read from the journal: an answer of the step `step` that says where (`published`, `link`, `where` or
    `url`; `no` does not count).
    """

    name: ClassVar[str] = "post-mortem"
    summary: ClassVar[str] = "The root cause analysis is complete and published"
    outputs: ClassVar[tuple[str, ...] | None] = ("missing", "published")

    published: str = param("where it was published", default="")
    step: str = param("the step that publishes it", default="publish-post-mortem")

    def evaluate(self, context: Context) -> Outcome:
        """Check the sections of the post-mortem and its place of publication."""
        from midwatch.reports.post_mortem_file import PostMortemFile, Progress, Status, published_at

        if context.incident is None:
            hint = "It is a criterion of closing: name it in a runbook"
            raise OutcomeUnknown("There is no incident, so there is no post-mortem", hint=hint)
        document = PostMortemFile(IncidentFolder(context.incident)).read()
        if document is None:
            return Outcome(False, "The post-mortem is not written yet")
        progress = Progress.of(document)
        if progress.conflicts:
            return Outcome(
                False, f"The post-mortem has {counted(progress.conflicts, 'conflict')} that nobody has resolved"
            )
        if missing := ", ".join(progress.missing):
            return Outcome(False, f"The post-mortem lacks: {missing}", {"missing": missing})
        where = self.published or published_at(reduce(events_of(context)), self.step)
        if not where and progress.status is not Status.PUBLISHED:
            return Outcome(False, "The post-mortem is complete but not published")
        said = f": {where}" if where else ", as its status says"
        rest = f"; still to be written: {', '.join(progress.unwritten)}" if progress.unwritten else ""
        return Outcome(True, f"The post-mortem is complete and published{said}{rest}", {"published": where})
