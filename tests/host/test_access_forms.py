"""Audit logs and server logs as other tools and languages write them: what counts, what does not, what is not
understood."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions import diagnose_access
from actions.diagnose_access import DiagnoseAccess, read_audit
from midwatch.api.action import Context
from midwatch.runbook.targets import Target, TargetKind
from probes.logs.login_events import EventKind, login_events
from probes.logs.server_log import refused_logins
from tests.support.host_world import Heard

ARP = Target("arp-db-prod", TargetKind.LOCAL, "arp", "ARP")
SSHD = "Nov 23 02:00:06 bastion sshd[77]: "
AUDITD = (
    "msg=audit(1795399206.123:456): pid={pid} uid=0 auid=4294967295 ses=1 msg='op={op} acct={acct} "
    'exe="/usr/sbin/sshd" '
)


@pytest.mark.parametrize(
    ("line", "time", "who"),
    [
        (
            "2026-11-23 02:00:06 LOGIN failed user=arp_app target=arp-db-prod source=10.0.0.5 reason=connection reset",
            "2026-11-23 02:00:06",
            ("arp_app", "arp-db-prod", "10.0.0.5"),
        ),
        (
            "2026-11-23T02:00:06Z LOGIN failed user=arp_app target=arp-db-prod source=10.0.0.5 reason=restore "
            "in progress",
            "2026-11-23 02:00:06",
            ("arp_app", "arp-db-prod", "10.0.0.5"),
        ),
        (
            "1795399206 LOGIN failed user=arp_app target=arp-db-prod source=10.0.0.5",
            "2026-11-23 02:00:06",
            ("arp_app", "arp-db-prod", "10.0.0.5"),
        ),
        (
            "<34>1 2026-11-23T02:00:06.120Z bastion sshd 77 - - Failed password for arp_app from 10.0.0.5 port 22 ssh2",
            "2026-11-23 02:00:06",
            ("arp_app", "sshd", "10.0.0.5"),
        ),
        (
            f"{SSHD}Failed password for invalid user arp app from 10.0.0.5 port 4711 ssh2",
            "Nov 23 02:00:06",
            ("arp app", "sshd", "10.0.0.5"),
        ),
        (
            "Nov 23 02:00:06 bastion su[9]: pam_unix(su:auth): authentication failure; uid=0 rhost=10.0.0.5  user=root",
            "Nov 23 02:00:06",
            ("root", "su", "10.0.0.5"),
        ),
        (
            f"type=USER_LOGIN {AUDITD.format(pid=7, op='login', acct=chr(34) + 'root' + chr(34))}addr=10.0.0.5 "
            "res=failed'",
            "2026-11-23 02:00:06",
            ("root", "sshd", "10.0.0.5"),
        ),
        (
            f"type=USER_LOGIN {AUDITD.format(pid=7, op='login', acct='617270206170')}addr=10.0.0.5 res=failed'",
            "2026-11-23 02:00:06",
            ("arp ap", "sshd", "10.0.0.5"),
        ),
        (
            json.dumps(
                {"ts": 1795399206123, "event": "login_failed", "user": "arp_app", "ip": "10.0.0.5", "db": "arp"}
            ),
            "2026-11-23 02:00:06",
            ("arp_app", "arp", "10.0.0.5"),
        ),
        (
            json.dumps(
                {
                    "@timestamp": "2026-11-23T02:00:06.1Z",
                    "event": {"action": "authentication", "outcome": "failure"},
                    "user": {"name": "arp_app"},
                    "source": {"ip": "10.0.0.5"},
                }
            ),
            "2026-11-23 02:00:06",
            ("arp_app", "?", "10.0.0.5"),
        ),
        (
            "time=2026-11-23T02:00:06Z action=login result=failure user=arp_app src=10.0.0.5",
            "2026-11-23 02:00:06",
            ("arp_app", "?", "10.0.0.5"),
        ),
        (
            "2026-11-23T02:00:06.1Z 12 [Note] Access denied for user 'arp_app'@'10.0.0.5' (using password: YES)",
            "2026-11-23 02:00:06",
            ("arp_app", "?", "10.0.0.5"),
        ),
        (
            "23/Nov/2026:02:00:06 +0000 login failed user=arp_app from 10.0.0.5",
            "2026-11-23 02:00:06",
            ("arp_app", "?", "10.0.0.5"),
        ),
        (
            "1795399206123 imap-login: Disconnected (auth failed, login denied): user=<arp_app>, rip=10.0.0.5, "
            "lip=10.0.0.1",
            "2026-11-23 02:00:06",
            ("arp_app", "?", "10.0.0.5"),
        ),
        (
            "Nov 23 02:00:06 bastion login[9]: FAILED LOGIN (1) on '/dev/tty1' FOR 'arp_app', Authentication failure",
            "Nov 23 02:00:06",
            ("arp_app", "?", "?"),
        ),
        (
            '<38>1 2026-11-23T02:00:06Z bastion app 7 ID47 [x@1 a="b"] LOGIN failed user=arp_app source=10.0.0.5',
            "2026-11-23 02:00:06",
            ("arp_app", "?", "10.0.0.5"),
        ),
        (
            "2026/11/23 02:00:06 login failed for arp_app from 10.0.0.5",
            "2026-11-23 02:00:06",
            ("arp_app", "?", "10.0.0.5"),
        ),
        (
            "Mon Nov 23 02:00:06 2026 LOGIN failed user=arp_app remote_addr=10.0.0.5:4711",
            "2026-11-23 02:00:06",
            ("arp_app", "?", "10.0.0.5"),
        ),
        (
            json.dumps({"log": "LOGIN failed user=arp_app ip=[10.0.0.5]:4711\n", "time": "20261123T020006Z"}),
            "2026-11-23 02:00:06",
            ("arp_app", "?", "10.0.0.5"),
        ),
        (
            "Nov 23 02:00:06 bastion su[9]: FAILED SU (to root) ada on pts/0",
            "Nov 23 02:00:06",
            ("root", "su", "ada"),
        ),
    ],
)
def test_failed_login_of_each_form_names_user_source_and_time(line: str, time: str, who: tuple[str, ...]) -> None:
    found = read_audit([line])
    assert dict(found.failed.count) == {who: 1}
    assert (found.failed.first[who], found.changes, found.unknown) == (time, [], [])


@pytest.mark.parametrize(
    "line",
    [
        "2026-11-23 02:00:06 LOGIN ok user=arp_app target=arp-db-prod source=10.0.0.5 note=after 2 failed attempts",
        "2026-11-23 02:00:06 login ok for arp_app after 2 failed attempts",
        f"{SSHD}Accepted password for arp_app from 10.0.0.5 port 22 ssh2",
        f"{SSHD}Connection closed by authenticating user arp_app 10.0.0.5 port 22 [preauth]",
        json.dumps({"time": "2026-11-23T02:00:06Z", "event": "login", "success": True, "user": "arp_app"}),
        f"type=USER_AUTH {AUDITD.format(pid=7, op='PAM:authentication', acct='root')}res=success'",
        "2026-11-23 02:00:06 BACKUP restore of the statistics finished",
        "2026-11-23 02:00:06 connection reset by peer user=arp_app",
        "2026-11-23 02:00:06 RESTORE ok user=ada target=arp-db-prod",
        "2026-11-23 02:00:06 rotated the logs of ARP",
        "Nov 23 02:00:06 bastion systemd-logind[9]: New session 5 of user ada.",
    ],
)
def test_line_without_a_failed_login_counts_none(line: str) -> None:
    found = read_audit([line])
    assert (found.failed.count.total(), found.changes, found.unknown) == (0, [], [])


def test_changes_of_passwords_are_known_in_each_form() -> None:
    lines = [
        "2026-11-22 16:42:02 ROTATE password changed user=arp_app target=arp-db-prod",
        "Nov 23 02:00:06 bastion passwd[9]: pam_unix(passwd:chauthtok): password changed for arp_app",
        f"type=USER_CHAUTHTOK {AUDITD.format(pid=7, op='PAM:chauthtok', acct='root')}res=success'",
        json.dumps({"ts": "2026-11-23T02:00:06Z", "action": "password_reset", "user": "arp_app"}),
        "Nov 23 02:00:06 bastion passwd[9]: password for 'arp_app' changed by 'root'",
        "Nov 23 02:00:06 bastion usermod[9]: change user 'arp_app' password",
        json.dumps({"eventTime": "2026-11-23T02:00:06Z", "eventName": "password_change", "user": "arp_app"}),
        "2026-11-23 02:00:06 User arp_app changed their password",
    ]
    assert read_audit(lines).changes == lines
    not_made = [
        "2026-11-23 02:00:06 password reset FAILED user=arp_app by=ada",
        "2026-11-23 02:00:06 failed to reset the password of arp_app",
        "2026-11-23 02:00:06 password reset requested for arp_app",
        "2026-11-23 02:00:06 ada@bastion password.reset_failed user=arp_app",
        "2026-11-23 02:00:06 arp_app must change the password",
        "2026-11-23 02:00:06 ROTATE password user=arp_app result=failed",
    ]
    found = read_audit([*not_made, lines[2].replace("success", "failed")])
    assert (found.changes, found.failed.count.total(), found.unknown) == ([], 0, not_made)


def test_attempt_reported_by_two_programs_counts_once_and_repetitions_each() -> None:
    pam = "pam_unix(sshd:auth): authentication failure; logname= uid=0 rhost=10.0.0.5  user=root"
    failed = "Failed password for root from 10.0.0.5 port 22 ssh2"
    audit = AUDITD.format(pid=7, op="login", acct='"root"') + "addr=10.0.0.5 res=failed'"
    sudo = [
        f"Nov 23 02:00:06 bastion sudo: {pam.replace('sshd', 'sudo').replace('root', 'ada')}",
        "Nov 23 02:00:06 bastion sudo:      ada : 3 incorrect password attempts ; TTY=pts/0 ; USER=root ; "
        "COMMAND=/bin/ls",
    ]
    assert read_audit(sudo).failed.count == {("ada", "sudo", "?"): 3}
    lines = [f"{SSHD}{pam}", f"{SSHD}{failed}", f"{SSHD}message repeated 4 times: [ {failed}]"]
    assert read_audit(lines).failed.count.total() == 5
    assert read_audit([f"type=USER_AUTH {audit}", f"type=USER_LOGIN {audit}"]).failed.count.total() == 1
    assert read_audit([f"{SSHD}{pam}", f"{SSHD}{pam}"]).failed.count.total() == 2


def test_line_that_is_not_understood_is_counted_and_shown(
    make_context: Callable[..., Context], heard: Heard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "security").mkdir()
    log = tmp_path / "security" / "access-audit.log"
    failed = "2026-11-23 02:00:06 LOGIN failed user={user} target=arp-db-prod source=10.0.0.5\n"
    log.write_text(f"{'x' * 3000}\n{failed.format(user='a')}2026-11-23 Passwortprüfung von arp_app missglückt\n")
    log.with_name("access-audit.log-20261122.gz").write_bytes(gzip.compress(failed.format(user="rotated").encode()))
    server = tmp_path / "server.log"
    server.write_text(
        "2026-11-23 02:00:06 CET [7] FATAL:  Passwort-Authentifizierung für Benutzer »arp_app« fehlgeschlagen\n"
    )
    target = replace(ARP, log=str(server))
    context = make_context(targets={target.name: target})
    monkeypatch.setattr(diagnose_access, "TAIL", 1000)
    action = DiagnoseAccess(target=target)
    outcome = action.apply(context, action.plan(context))
    assert outcome.values["failed_logins"] == "2"
    assert "rotated at arp-db-prod" in heard.text
    assert "the beginning of access-audit.log was not read" in heard.text
    assert "Not understood in the audit log: 1 line, the last: 2026-11-23 Passwortprüfung" in heard.text
    assert "Not understood in the server's log of arp-db-prod: 1 line" in heard.text
    assert outcome.values["refused_logins"] == "0"


CSV = (
    '2026-11-23 02:00:06.120 CET,"{user}","arp",7,"10.0.0.5:4711",6921c3a6.7,2,"authentication",2026-11-23 '
    "02:00:06 CET,3/2,0,"
    '{severity},{state},"{message}",,,,,,,,,"","client backend",,0'
)
MESSAGES = [
    ("FATAL", "Passwort-Authentifizierung für Benutzer »arp_app« fehlgeschlagen"),
    ("ВАЖНО", 'пользователь "arp_app" не прошёл проверку подлинности (по паролю)'),
    ("FATAL", "l'authentification par mot de passe a échoué pour l'utilisateur « arp_app »"),
    ("FATALE", 'autenticazione con password fallita per l\'utente "arp_app"'),
    ("FATAL", 'ユーザー"arp_app"のパスワード認証に失敗しました'),
]


@pytest.mark.parametrize(("severity", "message"), MESSAGES)
def test_refusals_in_any_language_count_by_their_sqlstate(severity: str, message: str) -> None:
    table = CSV.format(user="arp_app", severity=severity, state="28P01", message=message.replace('"', '""'))
    entry = {
        "timestamp": "2026-11-23 02:00:06.120 CET", "pid": 7, "user": "arp_app", "remote_host": "10.0.0.5",
        "error_severity": severity, "state_code": "28P01", "message": message,
    }  # fmt: skip
    plain = f"2026-11-23 02:00:06.120 CET [7] 10.0.0.5 28P01 {severity}:  {message}"
    record = {
        "log_time": "2026-11-23 02:00:06.120 CET", "process_id": "7", "user_name": "arp_app",
        "connection_from": "10.0.0.5:4711", "error_severity": severity, "sql_state_code": "28P01", "message": message,
    }  # fmt: skip
    wrapped = [json.dumps({"log": f"{plain}\n", "stream": "stderr"}), json.dumps({"logger": "pg", "record": record})]
    syslog = f"Nov 23 02:00:06 db postgres[7]: [3-1] {plain}"
    for line in (table, json.dumps(entry, separators=(",", ":")), plain, syslog, *wrapped):
        unknown: list[str] = []
        (one,) = refused_logins([line], unknown)
        expected = ("arp_app", "10.0.0.5", "2026-11-23 02:00:06", "wrong password, or none")
        assert ((one.user, one.source, one.time, one.reason), unknown) == (expected, [])
    unknown = []
    assert refused_logins([f"2026-11-23 02:00:06.120 CET [7] {severity}:  {message}"], unknown) == []
    assert len(unknown) == 1


def test_english_lines_that_are_no_refusal_are_understood() -> None:
    unknown: list[str] = []
    lines = [
        "2026-11-23 02:00:06 UTC [7] FATAL:  the database system is starting up",
        '2026-11-23 02:00:06 UTC [7] ERROR:  relation "größe" does not exist',
        "2026-11-23 02:00:06 UTC [7] STATEMENT:  SELECT 'ВАЖНО'",
        "plain words",
        '{"log":' + "[" * 4000,
    ]
    assert refused_logins(lines, unknown) == []
    assert unknown == []
    (rds,) = refused_logins(
        ['2026-11-23 02:00:06 UTC:10.0.0.5(4711):a@arp:[7]:FATAL:  password authentication failed for user "a"']
    )
    assert (rds.source, rds.time) == ("10.0.0.5", "2026-11-23 02:00:06")


texts = st.text(max_size=40) | st.sampled_from(
    ['{"', '"}', "type=USER_AUTH msg=audit(1795399206.1:1): ", "sshd[7]: ", "pam_unix(su:auth): ", "LOGIN "
        "failed ", "user=",
     "message repeated 9 times: [ ", "Failed password for a from b port 1", "acct=ABC", "<34>1 ", "28P01 FATAL:  "]
)  # fmt: skip


@given(st.lists(st.lists(texts, max_size=6).map("".join), max_size=8))
def test_access_log_readers_survive_any_line(lines: list[str]) -> None:
    events = list(login_events(lines))
    assert len(events) == len(lines)
    assert all(isinstance(event.kind, EventKind) for event in events)
    refused_logins(lines, [])
