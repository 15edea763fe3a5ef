"""The keys of triggers and the table `watch`: what `midwatch watch` follows, and how it tells."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from midwatch.runbook.channel_keys import SECRET, check_address, check_source
from midwatch.runbook.channels import SecretSource
from midwatch.runbook.field_types import ID, Expression, Length, Text, TimeZone, Whole, Word
from midwatch.runbook.fields import Fields, Problems, arguments
from midwatch.runbook.shapes import FieldType, Key, ListOf, ListOrTable, Schema, Shape, described
from midwatch.runbook.triggers import Trigger, Watch
from midwatch.runbook.windows import EXAMPLES, Window
from midwatch.runbook.yaml_loader import Node, Scalar
from midwatch.system.suggestion import suggest

_LINE = Text(single=True)


@dataclass(frozen=True)
class WindowText(FieldType):
    """A window of time, on days of each week or once."""

    def read(self, node: Node, problems: Problems) -> Window | None:
        """Return the window, or report a problem and return None."""
        try:
            return Window.parse(node.text if isinstance(node, Scalar) else "")
        except ValueError:
            problems.add(f"This takes a window of time, not {described(node)}", node.place, f"Write {EXAMPLES}")
            return None

    def schema(self) -> Schema:
        """Return the JSON Schema of the window."""
        return {"type": "string", "examples": ["22:00-06:00", "Sat,Sun 00:00-24:00 Europe/Berlin"]}


def trigger_shape(parameters: FieldType) -> Shape:
    """The shape of a trigger; `parameters` are those of its check."""
    return Shape(
        "trigger",
        "What tells that this incident is happening: a line in a log ('log' and 'match'), a check that fails ('check'),"
        " or a panel that reaches a level ('panel').",
        (
            Key("id", ID, "What steps and the journal call it; default: from the title"),
            Key("title", _LINE, "What happened, in a few words", required=True),
            Key("log", _LINE, "A log file"),
            Key("match", Expression(), "A regular expression that is searched in each of its lines"),
            Key("timezone", TimeZone(), "The time zone of times in the log that tell none: Europe/Berlin"),
            Key("check", _LINE, "A check that fails when it is happening"),
            Key("with", parameters, "Parameters of the check"),
            Key("panel", ID, "A panel of the runbook that reaches 'level' when it is happening"),
            Key("level", Word(("warn", "critical")), "Of the panel; default critical"),
            Key("every", Length(), "Time between two samples of the check or panel; default 1 min"),
            Key("for", Length(), "How long the check or panel has to fail before it fires; default: at once"),
            Key("after", Whole(1, 1000), "Failures in a row, or matching lines, before it fires; default 1"),
            Key("clear", Length(), "How long it has to be fine, or without such a line, to fire again; default 10 min"),
            Key("deadline", Length(), "How long nothing may be known before that fires; default: see docs/watch.md"),
        ),
    )


WATCH = Key(
    "watch",
    Shape(
        "watch table",
        "How 'midwatch watch' watches the triggers.",
        (
            Key("every", Length(), "Time between two looks at the logs; default 10 s"),
            Key("channel", ID, "The channel that is told when a trigger fires; default 'incident'"),
            Key("quiet_hours", ListOf(WindowText(), single=True), "Windows in which nobody is told before they end"),
            Key("maintenance", ListOf(WindowText(), single=True), "Windows in which nothing fires"),
            Key("ping", ListOrTable(_LINE, SECRET), "The address that hears that the watcher lives (healthchecks.io)"),
            Key("ping_every", Length(), "Time between two pings; default 1 min"),
        ),
    ),
    "How the triggers are watched: see docs/watch.md",
)


def build_trigger(trigger_id: str, fields: Fields) -> Trigger:
    """The trigger of this id."""
    own = {name: fields.get(name) for name in ("every", "after", "clear", "deadline", "level") if fields.get(name)}
    return Trigger(
        trigger_id,
        fields.get("title", ""),
        fields.place,
        log=fields.get("log", ""),
        match=fields.get("match", ""),
        timezone=fields.get("timezone", ""),
        check=fields.get("check", ""),
        with_=arguments(fields.table("with")),
        panel=fields.get("panel", ""),
        for_=fields.get("for", 0.0),
        **own,
    )


def build_watch(fields: Fields, site: Fields | None) -> Watch:
    """What the runbook says, each key of the site file in place of the runbook's."""
    given: dict[str, Any] = {}
    for source in (fields, site):
        table: Fields = (source.get(WATCH.name) if source else None) or Fields(fields.place)
        for key in table:
            value = table.get(key)
            if key in ("quiet_hours", "maintenance"):
                value = table.values(key)
            elif isinstance(value, Fields):
                value = SecretSource(value.get("file", ""), value.get("variable", ""))
            given[key] = value
    return Watch(**given)


def check_trigger(trigger: Fields, panels: Collection[str], problems: Problems) -> None:
    """Say which keys of a trigger do not go together."""
    kinds = [key for key in ("log", "check", "panel") if key in trigger]
    if len(kinds) != 1 and not (not kinds and "match" in trigger):
        problems.add("A trigger has one of 'log' (with 'match'), 'check' and 'panel'", trigger.place)
        return
    if ("log" in trigger) != ("match" in trigger):
        key = "match" if "log" in trigger else "log"
        problems.add(f"A trigger that reads a log needs the key {key!r} too", trigger.place)
        return
    for key, owners in _BELONGS.items():
        if key in trigger and kinds[0] not in owners:
            owner = " or ".join(f"'{name}'" for name in owners)
            problems.add(f"{key!r} belongs to a trigger with {owner}", trigger.key(key), "Take it out")
    name = trigger.get("panel")
    if name is not None and name not in panels:
        problems.add(f"There is no panel {name!r}", trigger.where("panel"), suggest(name, panels, "Panels"))


_BELONGS = {
    "timezone": ("log",),
    "with": ("check",),
    "level": ("panel",),
    "every": ("check", "panel"),
    "for": ("check", "panel"),
}


def check_watch(source: Fields, channels: Collection[str], problems: Problems) -> None:
    """Say which channel is not there, and which address is none."""
    table = source.get(WATCH.name)
    if table is None:
        return
    name = table.get("channel")
    if name is not None and name not in channels:
        problems.add(f"There is no channel {name!r}", table.where("channel"), suggest(name, channels, "Channels"))
    ping = table.get("ping")
    if isinstance(ping, str):
        check_address(ping, table.where("ping"), problems)
    check_source(ping, problems)
