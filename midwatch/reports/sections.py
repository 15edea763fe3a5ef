"""The sections of a post-mortem, the required ones, and those that are empty in a given text."""

from __future__ import annotations

import re
from enum import StrEnum

from midwatch.reports.three_way import has_conflict

TO_WRITE = "_To be written._"
"""Stands where a person still has to say something."""


class Section(StrEnum):
    """The headings, in their order."""

    SUMMARY = "Summary"
    IMPACT = "Impact"
    TRIGGER = "Trigger"
    DETECTION = "Detection"
    RESPONSE = "Response"
    FACTORS = "Contributing factors"
    WHYS = "Root cause: 5 Whys"
    TIMELINE = "Timeline"
    FIXES = "Fixes"
    CONTROLS = "Preventive controls"
    WELL = "What went well"
    BADLY = "What went badly"
    LUCKY = "Where we got lucky"
    SURPRISED = "What surprised us"
    SEEN_BEFORE = "Seen before"
    ACTIONS = "Action items"
    CRITERIA = "Closure criteria"
    RESPONDERS = "Responders"
    MESSAGES = "Messages"
    QUESTIONS = "Open questions"
    EVIDENCE = "Evidence"


REQUIRED = (
    Section.SUMMARY,
    Section.IMPACT,
    Section.DETECTION,
    Section.WHYS,
    Section.TIMELINE,
    Section.FIXES,
    Section.CONTROLS,
    Section.ACTIONS,
)
_HEADING = re.compile(r"^##[ \t]+(.+?)[ \t#]*$", re.MULTILINE)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)


def missing_sections(text: str) -> list[str]:
    """The required sections that are not there, are empty, or in which something is to be written or a conflict to be
    resolved.

    Works on a draft that people have edited: headings are found whatever their case, comments do not count as content.
    """
    found = {name.casefold(): content for name, content in _contents(text)}
    return [section.value for section in REQUIRED if _empty(found.get(section.casefold(), ""))]


def unwritten_sections(text: str) -> list[str]:
    """All sections of the document in which something is to be written or a conflict to be resolved."""
    return [name for name, content in _contents(text) if TO_WRITE in content or has_conflict(content)]


def _contents(text: str) -> list[tuple[str, str]]:
    parts = _HEADING.split(_COMMENT.sub("", text))
    return [(name.strip(), content) for name, content in zip(parts[1::2], parts[2::2], strict=True)]


def _empty(content: str) -> bool:
    return not content.strip() or TO_WRITE in content or has_conflict(content)
