"""The check `post-mortem`: the post-mortem is written, complete and published."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from actions.support.incident_values import value_of
from actions.write_post_mortem import LIMIT_BYTES
from midwatch.api.action import Check, Context, Outcome
from midwatch.api.parameters import param
from midwatch.incident.paths import IncidentFolder
from midwatch.system.errors import Failed, in_words
from midwatch.system.trusted_files import read_regular

KEYS = ("published", "link", "where", "url")


@dataclass(frozen=True)
class CheckPostMortem(Check):
    """Holds when the incident's `post-mortem.md` is there, has no empty section, and was published.

    Where it was published is given as `published`, or read from the journal: an answer of the step `step` that says
    where (`published`, `link`, `where` or `url`; `no` does not count).
    """

    name: ClassVar[str] = "post-mortem"
    summary: ClassVar[str] = "The root cause analysis is complete and published"
    outputs: ClassVar[tuple[str, ...] | None] = ("missing", "published")

    published: str = param("where it was published", default="")
    step: str = param("the step that publishes it", default="publish-post-mortem")

    def evaluate(self, context: Context) -> Outcome:
        """Check the sections of the post-mortem and its place of publication."""
        from midwatch.reports.post_mortem import missing_sections

        if context.incident is None:
            return Outcome(False, "There is no incident, so there is no post-mortem")
        path = IncidentFolder(context.incident).post_mortem
        try:
            text = read_regular(path, limit_bytes=LIMIT_BYTES).decode("utf-8")
        except FileNotFoundError:
            return Outcome(False, "The post-mortem is not written yet")
        except (OSError, Failed, UnicodeDecodeError) as error:
            why = "it is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else in_words(error)
            raise Failed(
                f"{path} cannot be read: {why}", hint="Write it again: midwatch action write-post-mortem"
            ) from error
        missing = missing_sections(text)
        if missing:
            return Outcome(False, f"The post-mortem lacks: {', '.join(missing)}", {"missing": ", ".join(missing)})
        where = self.published or next((v for v in (value_of(context, self.step, key) for key in KEYS) if v), "")
        if not where or where.strip().lower() == "no":
            return Outcome(False, "The post-mortem is complete but not published")
        return Outcome(True, f"The post-mortem is complete and published: {where}", {"published": where})
