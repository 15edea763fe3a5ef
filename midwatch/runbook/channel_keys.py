"""The key `channels`: its shape, the channels made of it, and what lint says."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import urlsplit

from midwatch.runbook.channels import (
    INCIDENT_CHANNEL,
    Channel,
    ChannelKind,
    ChannelTarget,
    SecretSource,
    host_and_port,
)
from midwatch.runbook.field_types import ID, VARIABLE, Flag, Length, Text, Word
from midwatch.runbook.fields import Fields, Found, Problems
from midwatch.runbook.process_keys import CommandLine
from midwatch.runbook.shapes import Key, ListOf, ListOrTable, Shape, TableOf
from midwatch.system.errors import SourceLocation
from midwatch.system.shortened import shortened

_LINE = Text(single=True)
SECRET = Shape(
    "secret source",
    "Where a secret stands; never the secret itself. One of 'file' and 'variable'.",
    (
        Key("file", _LINE, "A file that holds the secret and that no other user can read or write"),
        Key("variable", VARIABLE, "A variable of the environment from which Midwatch is started"),
    ),
)
_ADDRESS = ListOrTable(_LINE, SECRET)
CHANNEL_TARGET = Shape(
    "channel target",
    "One receiver of the messages of a channel.",
    (
        Key("kind", Word(tuple(kind.value for kind in ChannelKind)), "Who takes the messages", required=True),
        Key("url", _ADDRESS, "The address: {file: …} or {variable: …} where it holds a secret, as those of slack do"),
        Key("key", SECRET, "Of pagerduty: the integration key of the service (Events API v2)"),
        Key("authorization", SECRET, "Of webhook: the value of the header Authorization"),
        Key("to", ListOf(_LINE, single=True, filled=True), "Of email: the addresses that get the message"),
        Key("from", _LINE, "Of email: the address that sends the message"),
        Key("server", _LINE, "Of email: HOST or HOST:PORT of the SMTP server; default: the program sendmail"),
        Key("tls", Word(("starttls", "tls", "none")), "Of email with 'server': default starttls"),
        Key("user", _LINE, "Of email with 'server': the login"),
        Key("password", SECRET, "Of email with 'server': the password of the login"),
        Key("sendmail", _LINE, "Of email without 'server': the program; default /usr/sbin/sendmail"),
        Key("path", _LINE, "Of file: the file that gets a line of JSON for each message"),
        Key("command", CommandLine(), "Of command: run without a shell, the message on standard input; has to exit 0"),
        Key("ca", _LINE, "A file of certificates (PEM) to check the server against; default: those of the system"),
        Key("timeout", Length(), "How long one send may take; default 20 s"),
        Key("idempotent", Flag(), "Of webhook: whether the receiver drops repeats with the same Idempotency-Key"),
        Key(
            "outside", Flag(), "Whether people outside the team read it: a person confirms each message; default false"
        ),
    ),
)
CHANNELS = Key(
    "channels",
    TableOf(ID, ListOf(CHANNEL_TARGET, single=True), "channels"),
    "Where messages go: 'incident' for status updates, a role's id for the role, or any other name",
)

_NEEDS: Mapping[ChannelKind, tuple[str, ...]] = {
    ChannelKind.SLACK: ("url",),
    ChannelKind.TEAMS: ("url",),
    ChannelKind.WEBHOOK: ("url",),
    ChannelKind.APPRISE: ("url",),
    ChannelKind.PAGERDUTY: ("key",),
    ChannelKind.EMAIL: ("to", "from"),
    ChannelKind.FILE: ("path",),
    ChannelKind.COMMAND: ("command",),
}
_TAKES: Mapping[ChannelKind, tuple[str, ...]] = {
    ChannelKind.SLACK: ("ca",),
    ChannelKind.TEAMS: ("ca",),
    ChannelKind.WEBHOOK: ("authorization", "ca", "idempotent"),
    ChannelKind.APPRISE: (),
    ChannelKind.PAGERDUTY: ("url", "ca"),
    ChannelKind.EMAIL: ("server", "tls", "user", "password", "sendmail", "ca"),
    ChannelKind.FILE: (),
    ChannelKind.COMMAND: (),
}
SOURCES = ("url", "key", "authorization", "password")
"""Keys under which a table can say where a secret stands."""
_SECRET_URLS = (ChannelKind.SLACK, ChannelKind.TEAMS, ChannelKind.APPRISE)
_ALWAYS = ("kind", "timeout", "outside")


def build_channel(name: str, found: Found) -> Channel:
    """The channel of this name."""
    return Channel(name, tuple(_target(item.value) for item in found.value if item.value.get("kind")))


def _target(fields: Fields) -> ChannelTarget:
    given: dict[str, Any] = {key: _plain(fields.get(key)) for key in fields}
    given["kind"] = ChannelKind(given["kind"])
    if "from" in given:
        given["sender"] = given.pop("from")
    return ChannelTarget(**given | {"to": fields.values("to")})


def _plain(value: Any) -> Any:
    return SecretSource(value.get("file", ""), value.get("variable", "")) if isinstance(value, Fields) else value


def check_channels(source: Fields, problems: Problems) -> None:
    """Say which targets lack a key, have one of another kind, or hold a secret themselves."""
    for name, found in source.table(CHANNELS.name).items():
        for item in found.value or ():
            if name == INCIDENT_CHANNEL and item.value.get("outside"):
                sentence = "The channel 'incident' gets messages without a question, so it cannot be outside"
                problems.add(sentence, item.value.key("outside"), "Make it a channel of its own")
            if item.value.get("kind"):
                _check_target(item.value, ChannelKind(item.value.get("kind")), problems)


def check_role_channels(roles: Mapping[str, Found], channels: Collection[str], problems: Problems) -> None:
    """Say which roles name a channel that is not there."""
    for found in roles.values():
        name = found.value.get("channel") if found.value is not None else None
        if name is not None and name not in channels:
            known = ", ".join(channels)
            hint = f"Channels: {known}" if known else "Add it to 'channels'"
            problems.add(f"There is no channel {name!r}", found.value.where("channel"), hint)


def _check_target(target: Fields, kind: ChannelKind, problems: Problems) -> None:
    for key in _NEEDS[kind]:
        if key not in target:
            problems.add(f"A target of kind '{kind}' needs the key {key!r}", target.place)
    for key in target.keys:
        if key not in (*_NEEDS[kind], *_TAKES[kind], *_ALWAYS):
            problems.add(f"{key!r} does not belong to a target of kind '{kind}'", target.key(key), "Take it out")
    for key in SOURCES:
        check_source(target.get(key), problems)
    _check_url(target, kind, problems)
    if kind is ChannelKind.EMAIL:
        _check_email(target, problems)


def _check_url(target: Fields, kind: ChannelKind, problems: Problems) -> None:
    url = target.get("url")
    if not isinstance(url, str):
        return
    if kind in _SECRET_URLS:
        sentence = f"The address of a target of kind '{kind}' is a secret, which everybody may read here"
        problems.add(sentence, target.where("url"), "Write url: {file: PATH} or url: {variable: NAME}")
    else:
        check_address(url, target.where("url"), problems)


def check_source(value: object, problems: Problems) -> None:
    """Say that a secret source, if this is one, does not name one place."""
    if isinstance(value, Fields) and ("file" in value) == ("variable" in value):
        problems.add("A secret source has one of 'file' and 'variable'", value.place)


def check_address(url: str, place: SourceLocation, problems: Problems) -> None:
    """Say that an address of the web is none."""
    if not url.lower().startswith(("https://", "http://")):
        problems.add("This takes an address that begins with https:// or http://", place)
    elif not _names_host(url):
        problems.add(
            "This address names no host, or no port that can be", place, "Write it like https://HOST:PORT/PATH"
        )


def _names_host(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _check_email(target: Fields, problems: Problems) -> None:
    for item in (*target.items("to"), *((target.found["from"],) if target.get("from") else ())):
        name, _, host = str(item.value).rpartition("@")
        is_harmless = name.isascii() and item.value.isprintable() and not any(sign in item.value for sign in '<>, "')
        if not name or not host or not is_harmless:
            problems.add(
                f"{shortened(str(item.value))!r} is no bare address", item.place, "Write it like oncall@example.org"
            )
    for key in ("tls", "user", "password", "ca"):
        if key in target and "server" not in target:
            problems.add(f"{key!r} belongs to a target with 'server'", target.key(key), "Take it out")
    if "sendmail" in target and "server" in target:
        problems.add("'sendmail' and 'server' exclude each other", target.key("sendmail"), "Take one of the two out")
    if ("user" in target) != ("password" in target):
        problems.add("A login needs both 'user' and 'password'", target.place)
    if "user" in target and target.get("tls") == "none":
        problems.add("A login without TLS shows the password to the network", target.key("tls"), "Take 'tls' out")
    server = target.get("server")
    try:
        _ = server is not None and host_and_port(server)
    except ValueError:
        problems.add(f"{server!r} is no mail server", target.where("server"), "Write HOST or HOST:PORT")
