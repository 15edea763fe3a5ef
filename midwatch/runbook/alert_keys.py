"""The key `alerts`: its shape, the rules made of it, and what lint says."""

from __future__ import annotations

from types import MappingProxyType

from midwatch.runbook.alert_rules import AlertRules
from midwatch.runbook.field_types import ANSWER, Name, Word
from midwatch.runbook.fields import Fields, Problems
from midwatch.runbook.severity import Severity
from midwatch.runbook.shapes import Key, Shape, TableOf
from midwatch.system.suggestion import suggest

_WORD = Name(r"[^\x00-\x20](?:.*[^\x00-\x20])?", "printable characters")
_LABEL = Name("[A-Za-z_][A-Za-z0-9_.-]*", "letters, digits, underscores, dots and dashes, no digit first", 128)
ALERTS = Shape(
    "alert rules",
    "What `midwatch declare --from-alert` makes of an alert.",
    (
        Key("label", _LABEL, "The label that holds the severity; default 'severity'"),
        Key(
            "severities",
            TableOf(_WORD, Word(tuple(word.value for word in Severity)), "severities"),
            "The severity of the incident by the alert's own word, such as {critical: SEV-1}; capitals do not matter",
        ),
        Key(
            "inputs",
            TableOf(ANSWER, _LABEL, "labels"),
            "Which label or annotation of the alert gives which input, such as {host: instance}",
        ),
    ),
)


def build_alert_rules(fields: Fields, site: Fields | None) -> AlertRules:
    """The rules of the runbook, the site's single entries in their place."""
    label, severities, inputs = "severity", dict[str, str](), dict[str, str]()
    for source in (fields, site):
        rules: Fields | None = source.get("alerts") if source else None
        if rules is not None:
            label = rules.get("label", label)
            severities |= {word.lower(): found.value for word, found in rules.table("severities").items()}
            inputs |= {name: found.value for name, found in rules.table("inputs").items()}
    return AlertRules(label, MappingProxyType(severities), MappingProxyType(inputs))


def check_alert_rules(fields: Fields, site: Fields | None, problems: Problems) -> None:
    """Say which inputs are given by a label and not asked for."""
    known = [item.value.get("name") for item in fields.items("inputs") if item.value.get("name")]
    for source in (fields, site):
        rules: Fields | None = source.get("alerts") if source else None
        for name, found in rules.table("inputs").items() if rules is not None else ():
            if name not in known:
                hint = suggest(name, known, "Inputs") if known else "Add it to 'inputs'"
                problems.add(f"There is no input {name!r}", found.key, hint)
