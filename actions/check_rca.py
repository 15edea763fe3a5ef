"""The check `rca`: is the root cause analysis written, complete and published?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from actions.incident_values import value_of
from actions.write_rca import LIMIT_BYTES
from midwatch.action import Check, Context, Outcome
from midwatch.errors import Failed, in_words
from midwatch.incident.folder import IncidentFolder
from midwatch.parameters import param
from midwatch.system.trusted_files import read_regular

KEYS = ("published", "link", "where", "url")


@dataclass(frozen=True)
class CheckRca(Check):
    """Holds when the incident's `rca.md` is there, has no empty section, and was published.

    Where it was published is given as `published`, or read from the journal: an answer of the step `step` that says
    where (`published`, `link`, `where` or `url`; `no` does not count).
    """

    name: ClassVar[str] = "rca"
    summary: ClassVar[str] = "The root cause analysis is complete and published"
    outputs: ClassVar[tuple[str, ...] | None] = ("missing", "published")

    published: str = param("where it was published", default="")
    step: str = param("the step that publishes it", default="publish-rca")

    def evaluate(self, context: Context) -> Outcome:
        from midwatch.export.rca import missing_sections

        if context.incident is None:
            return Outcome(False, "There is no incident, so there is no RCA")
        path = IncidentFolder(context.incident).rca
        try:
            text = read_regular(path, limit_bytes=LIMIT_BYTES).decode("utf-8")
        except FileNotFoundError:
            return Outcome(False, "The RCA is not written yet")
        except (OSError, Failed, UnicodeDecodeError) as error:
            why = "it is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else in_words(error)
            raise Failed(f"{path} cannot be read: {why}", hint="Write it again: midwatch action write-rca") from error
        missing = missing_sections(text)
        if missing:
            return Outcome(False, f"The RCA lacks: {', '.join(missing)}", {"missing": ", ".join(missing)})
        where = self.published or next((v for v in (value_of(context, self.step, key) for key in KEYS) if v), "")
        if not where or where.strip().lower() == "no":
            return Outcome(False, "The RCA is complete but not published")
        return Outcome(True, f"The RCA is complete and published: {where}", {"published": where})
