"""The keys of channels: what is read, and one sentence at its position for what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from midwatch.runbook.channels import ChannelKind, ChannelTarget, SecretSource
from midwatch.runbook.loader import RunbookErrors, load
from midwatch.runbook.secret_sources import known_secrets

HEAD = "midwatch: 1\ntitle: T\nseverity: SEV-2\nroles: {boss: {name: B, channel: CHANNEL}}\nchannels:\n"
TAIL = "\nphases: [{title: P, steps: [{title: S}]}]\n"


def written(folder: Path, channels: str, channel: str = "a") -> Path:
    path = folder / "runbook.yaml"
    path.write_text(HEAD.replace("CHANNEL", channel) + channels + TAIL, encoding="utf-8")
    return path


def test_a_channel_is_read_with_its_defaults_and_the_site_replaces_it(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "  a: {kind: email, to: [x@example.org, y@example.org], from: m@example.org, server: 'smtp:25', tls: none}\n"
        "  b: [{kind: slack, url: {file: slack}}, {kind: command, command: 'tell --to \"a b\"', outside: true}]\n"
        "  c: {kind: pagerduty, key: {variable: PD_KEY}}\n",
    )
    (tmp_path / "site.yaml").write_text("midwatch-site: 1\nchannels: {c: {kind: file, path: x}}\n", encoding="utf-8")
    (tmp_path / "slack").write_text("https://hooks.example.org/T0/B0/s3cr3t-part\n", encoding="utf-8")
    runbook = load(path)
    (mail,) = runbook.channels["a"].targets
    assert [target.to for target in mail.deliveries()] == [("x@example.org",), ("y@example.org",)]
    assert (mail.sender, mail.tls, mail.timeout) == ("m@example.org", "none", 20.0)
    slack, command = runbook.channels["b"].targets
    assert slack == ChannelTarget(ChannelKind.SLACK, url=SecretSource(file="slack"))
    assert command.command == ("tell", "--to", "a b")
    assert [runbook.channels[name].outside for name in "abc"] == [False, True, False]
    assert runbook.channels["c"].targets[0].kind is ChannelKind.FILE
    assert runbook.channel_of("boss") == runbook.channels["a"]
    assert "https://hooks.example.org/T0/B0/s3cr3t-part" in known_secrets(runbook, {}).values()
    for target in (mail, slack, command):
        assert ChannelTarget.from_json(target.to_json()) == target
    assert slack.resolved(tmp_path).url == SecretSource(file=str(tmp_path / "slack"))


@pytest.mark.parametrize(
    ("channels", "sentence"),
    [
        ("  a: {kind: slak}", "This takes slack, teams"),
        ("  a: {kind: slack}", "A target of kind 'slack' needs the key 'url'"),
        ("  a: {kind: slack, url: https://hooks.slack.com/x}", "of kind 'slack' is a secret"),
        ("  a: {kind: slack, url: {file: a, variable: B}}", "has one of 'file' and 'variable'"),
        ("  a: {kind: slack, url: {}}", "has one of 'file' and 'variable'"),
        ("  a: {kind: webhook, url: example.org}", "begins with https:// or http://"),
        ("  a: {kind: webhook, url: 'https://'}", "names no host"),
        ("  a: {kind: webhook, url: 'https://[::1'}", "names no host"),
        ("  a: {kind: webhook, url: 'https://h:99999/'}", "no port that can be"),
        ("  a: {kind: webhook, url: 'https://u:Zq81verysecret@h/'}", "This URI has a password in it"),
        ("  a: {kind: webhook, url: 'https://h/', key: {variable: K}}", "'key' does not belong to"),
        ("  a: {kind: pagerduty, key: R0123456789}", "A secret source is a table"),
        ("  a: {kind: email, to: [], from: a@b}", "This list is empty"),
        ("  a: {kind: email, to: [nobody], from: a@b}", "'nobody' is no bare address"),
        ("  a: {kind: email, to: a@b, from: 'A <a@b>'}", "'A <a@b>' is no bare address"),
        ("  a: {kind: email, to: a@b, from: a@b, tls: tls}", "'tls' belongs to a target with 'server'"),
        ("  a: {kind: email, to: a@b, from: a@b, server: h, user: u}", "both 'user' and 'password'"),
        (
            "  a: {kind: email, to: a@b, from: a@b, server: h, user: u, password: {variable: P}, tls: none}",
            "shows the password",
        ),
        ("  a: {kind: email, to: a@b, from: a@b, server: 'h:smtp'}", "'h:smtp' is no mail server"),
        ('  a: {kind: email, to: "a\\rRCPT TO:x@b", from: a@b}', "is no bare address"),
        ("  a: {kind: email, to: ö@b, from: a@b}", "is no bare address"),
        ("  a: {kind: command, command: 'tell \"x'}", "has no partner"),
        ("  b: {kind: file, path: x}", "There is no channel 'a'"),
        ("  a: {kind: file, path: x}\n  incident: {kind: file, path: x, outside: true}", "cannot be outside"),
    ],
)
def test_what_is_wrong_is_one_sentence_at_its_position(tmp_path: Path, channels: str, sentence: str) -> None:
    with pytest.raises(RunbookErrors) as found:
        load(written(tmp_path, channels))
    assert any(sentence in str(error) for error in found.value.errors), str(found.value)
    assert all(error.place is not None and error.place.line >= 4 for error in found.value.errors)
