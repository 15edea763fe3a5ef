"""The check `schema-visibility`: the login of each target sees its schema, which is still that of the last snapshot."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from actions.support.check_file import check_file, read_check_file, write_check_file
from actions.support.each_target import ask_each
from midwatch.api.action import Check, Context, Outcome
from midwatch.api.figures import Figure
from midwatch.api.findings import Findings, Thresholds
from midwatch.api.parameters import param
from midwatch.runbook.targets import Target
from midwatch.system.clock import from_rfc3339, to_rfc3339
from midwatch.system.errors import Failed, MidwatchError
from midwatch.system.units import Seconds, counted, first_few
from probes.postgres.connect import AuthenticationFailed, NoSuchDatabase
from probes.postgres.routes import password_route
from probes.postgres.schema_snapshot import Schema, drift, read_schema

_SIX_DAYS = Seconds(6 * 86400)
_LISTED = 20
"""Differences that a warning lists."""


@dataclass(frozen=True)
class CheckSchemaVisibility(Thresholds, Check):
    """Holds while the login of each target gets in, sees at least one table, may read each, and finds the schema as it
    was at the last snapshot.

    The first run takes a snapshot. A later one compares with it and lists the differences; a snapshot older than
    `renew_after`, or any with `renew`, is then replaced by the schema of now.
    """

    name: ClassVar[str] = "schema-visibility"
    summary: ClassVar[str] = "Each schema can be read, and is as it was a week ago"
    outputs: ClassVar[tuple[str, ...] | None] = ("level", "drift")
    default_warning: ClassVar[str] = "0"

    targets: tuple[Target, ...] = param("which targets (default: all)", default=())
    renew_after: Seconds = param("the snapshot is replaced once it is this old", default=_SIX_DAYS)
    renew: bool = param("replace the snapshot now, after its differences are listed", default=False)

    def evaluate(self, context: Context) -> Outcome:
        """Read all schemas side by side, and compare each with its snapshot."""
        findings, good, differences = Findings(), [], 0
        for target, schema in ask_each(context.runbook, self.targets, lambda target: _read(context, target)):
            if isinstance(schema, AuthenticationFailed | NoSuchDatabase):
                findings.fail(schema.sentence)
            elif isinstance(schema, MidwatchError):
                findings.unknown(schema.sentence)
            else:
                differences += self._compare(context, target, schema, findings)
                good.append(f"{target.label} {counted(schema.tables, 'table')}")
        findings.summary = f"{', '.join(good)}, no drift"
        findings.values["drift"] = str(differences)
        return findings.outcome()

    def _compare(self, context: Context, target: Target, schema: Schema, findings: Findings) -> int:
        label = target.label
        findings.figures.append(Figure(f"{label} tables", schema.tables, low=0))
        if not schema.tables:
            findings.fail(f"{label} shows no table to {target.user}")
        if schema.unreadable:
            findings.warn(f"{target.user} may not read {first_few(schema.unreadable)} of {label}")
        path, now = check_file(context.runbook, self.name, target.name), context.clock.now()
        try:
            taken, before = _snapshot(read_check_file(path), schema)
        except MidwatchError as error:
            findings.unknown(f"the drift of {label} is not known: {error.sentence}")
            taken, before = None, dict(schema.items)
        found = list(drift(before, schema.items))
        findings.figures.append(self.main_figure(f"{label} drift", len(found), 0))
        if found and taken is not None:
            findings.about = f"{findings.about}; " if findings.about else ""
            findings.about += f"{label} since {to_rfc3339(taken)}: {first_few(found, _LISTED, '; ')}"
        if taken is None or self.renew or now - taken >= timedelta(seconds=self.renew_after):
            try:
                write_check_file(path, {"taken": to_rfc3339(now), "items": dict(schema.items)})
            except Failed as error:
                findings.unknown(error.sentence)
        return len(found)


def _read(context: Context, target: Target) -> Schema | MidwatchError:
    try:
        return read_schema(password_route(context.runbook, target))
    except MidwatchError as error:
        return error


def _snapshot(content: dict[str, object], schema: Schema) -> tuple[datetime | None, dict[str, str]]:
    """When the snapshot was taken, and what it holds; the schema of now when there is none yet."""
    if not content:
        return None, dict(schema.items)
    try:
        items = content["items"]
        assert isinstance(items, dict)
        taken = from_rfc3339(str(content["taken"]))
        if taken.tzinfo is None:
            raise ValueError(taken)
    except (KeyError, ValueError, AssertionError) as error:
        raise Failed("the snapshot is damaged, and was taken anew") from error
    return taken, {str(name): str(definition) for name, definition in items.items()}
