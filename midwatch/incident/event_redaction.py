"""Masks secrets in the text of events and plans before the text is journaled or shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from midwatch.api.plan import ROLE, SYSTEM_IDENTIFIER, Plan
from midwatch.api.probe import Reading
from midwatch.redaction import SECRET_SHAPED, mask
from midwatch.redaction.ordinary import is_ordinary
from midwatch.runbook.secret_sources import names_secret

_NOT_TEXT = frozenset(
    {
        "digest",
        "plan_sha256",
        "head",
        "sha256",
        "runbook_sha256",
        "site_sha256",
        "id",
        "step",
        "criterion",
        "probe",
        "action",
        "supervisor",
    }
    | {
        "system_identifier",
        "items",
        "ended",
        "at",
        "when",
        "began",
        "state",
        "outcome",
        "verb",
        "level",
        "role",
        "notify",
        "delivery",
        "channel",
        "audience",
        "action",
    }
)
"""Keys whose values are ours: a digest never looks like a secret, and a password that is a word makes no event
unreadable."""
_ALL_TEXT = frozenset({"values", "parameters", "inputs", "env", "variables", "with", "bindings"})
"""Keys of mappings whose own keys are anybody's."""


def masked(body: Mapping[str, Any], secrets: Mapping[str, str]) -> dict[str, Any]:
    """The body with every secret and secret-shaped text in its strings replaced."""
    return {
        key: value if key in _NOT_TEXT else _masked(value, secrets, everything=key in _ALL_TEXT)
        for key, value in body.items()
    }


def _masked(value: Any, secrets: Mapping[str, str], *, everything: bool) -> Any:
    if isinstance(value, str):
        return mask(value, secrets) if value else value
    if isinstance(value, Mapping):
        return {k: _value_of(k, v, secrets) for k, v in value.items()} if everything else masked(value, secrets)
    if isinstance(value, list | tuple):
        if len(value) == 2 and isinstance(value[0], str):  # a fact of a plan: its label may name a secret
            return [mask(value[0], secrets), _value_of(value[0], value[1], secrets)]
        return [_masked(item, secrets, everything=everything) for item in value]
    return value


def _value_of(name: Any, value: Any, secrets: Mapping[str, str]) -> Any:
    """A value of a mapping whose keys are anybody's: one that is named like a secret is one."""
    if str(name).startswith((SYSTEM_IDENTIFIER, ROLE)):
        return value
    if not isinstance(value, str) or not names_secret(str(name)):
        return _masked(value, secrets, everything=True)
    if not is_ordinary(value.encode("utf-8", "replace"), of_password=True):
        return mask(value, secrets) if value in secrets.values() else SECRET_SHAPED
    return _masked(value, secrets, everything=True)


def masked_plan(plan: Plan, secrets: Mapping[str, str]) -> Plan:
    """The plan with its free words masked; what consent is bound to stays, and so does the digest."""

    def clean(text: str) -> str:
        return mask(text, secrets) if text else text

    effects = tuple(replace(effect, note=clean(effect.note)) if effect.note else effect for effect in plan.effects)
    facts = tuple((label, _value_of(label, text, secrets) if text else text) for label, text in plan.facts)
    return replace(plan, effects=effects, facts=facts, refusal=clean(plan.refusal))


def masked_reading(reading: Reading, secrets: Mapping[str, str]) -> Reading:
    """Return the reading with its secrets masked, for panels."""
    rows = tuple(replace(row, text=mask(row.text, secrets), detail=mask(row.detail, secrets)) for row in reading.rows)
    return replace(reading, rows=rows, error=mask(reading.error, secrets))


def masked_words(output: Mapping[str, Any]) -> str:
    """How often what was masked in an attempt's output, by the name of each secret; empty when nothing was.

    Journals from before there were names have the total alone.
    """
    said = ""
    if counts := output.get("secrets"):
        said = "secrets masked: " + ", ".join(f"{name} ({_times(count)})" for name, count in counts.items())
    elif output.get("masked"):
        said = f"secrets masked {_times(output['masked'])}"
    if learnt := output.get("discovered"):
        names = ", ".join(map(str, learnt))
        said += f"{'; ' if said else 'secrets '}learnt on the way and masked from then on: {names}"
    return said


def _times(count: object) -> str:
    return "once" if count == 1 else f"{count} times"
