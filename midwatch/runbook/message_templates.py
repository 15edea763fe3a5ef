"""Templates of messages to an audience: text with names such as `{{ impact }}`, which a draft fills in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from midwatch.runbook.channels import INCIDENT_CHANNEL, Channel
from midwatch.runbook.field_types import Text
from midwatch.runbook.fields import Problems
from midwatch.runbook.text_values import fill, names_in
from midwatch.runbook.yaml_loader import Node
from midwatch.system.suggestion import suggest

NAMES: Mapping[str, str] = {
    "incident": "the id of the incident",
    "title": "its title",
    "severity": "its severity",
    "environment": "the environment where it is not production",
    "number": "the number of the status update",
    "now": "the time of the draft",
    "declared": "when it was declared",
    "elapsed": "for how long it has been open",
    "what": "what happened: the first sentence of the runbook's summary, and when the incident was declared",
    "impact": "the answer to a question named `impact`, else the answers to yes-or-no questions",
    "numbers": "for how long it has been open, answers that are numbers, and what panels warned of when last journaled",
    "done": "steps that were done since the last status update",
    "running": "steps that run",
    "failed": "steps that failed",
    "unknown": "steps whose outcome nobody knows, and steps of which nobody knows whether they are needed",
    "next": "the next step",
    "next_update": "when the next status update is due",
}
"""What a template may name."""
_DEFAULTS: Mapping[str, str] = {
    INCIDENT_CHANNEL: """\
{{ severity }} {{ title }}, update {{ number }}, {{ now }}
What happened: {{ what }}
Impact: {{ impact }}
In numbers: {{ numbers }}
Done: {{ done }}
Running: {{ running }}
Not working: {{ failed }}
Not known: {{ unknown }}
Next: {{ next }}
Next update: by {{ next_update }}
""",
    "inside": """\
{{ severity }} {{ title }}, {{ now }}
What happened: {{ what }}
Impact: {{ impact }}
In numbers: {{ numbers }}
Done: {{ done }}
Not known: {{ unknown }}
Next: {{ next }}
""",
    "outside": """\
{{ title }}, {{ now }}
Impact: {{ impact }}
We have been working on it since {{ declared }}.
Next update: by {{ next_update }}
""",
}


@dataclass(frozen=True)
class Template(Text):
    """A text whose names are all known."""

    def read(self, node: Node, problems: Problems) -> str | None:
        """Return the text, or report a problem and return None."""
        text = super().read(node, problems)
        if text is None:
            return None
        unknown = [name for name in names_in(text) if name not in NAMES]
        for name in unknown:
            problems.add(f"A message has no value {name!r}", node.place, suggest(name, NAMES, "Values"))
        if not unknown and "{{" in fill(text, dict.fromkeys(NAMES, "")):
            problems.add("'{{' begins no name here", node.place, "Write a value as {{ impact }}")
            return None
        return None if unknown else text


def template_of(channel: Channel | None, templates: Mapping[str, str]) -> str:
    """The template for the readers of a channel: its own, else the one for everybody inside or outside the team."""
    name = channel.name if channel else INCIDENT_CHANNEL
    given = {**_DEFAULTS, **templates}
    return given.get(name) or given["outside" if channel and channel.outside else "inside"]


def filled(template: str, values: Mapping[str, str]) -> str:
    """The text of a template. A line is left out when all of its names stand for nothing."""
    lines = [
        fill(line, values)
        for line in template.strip().splitlines()
        if not (names := names_in(line)) or any(values[name] for name in names)
    ]
    return "\n".join(lines)
