"""E-mail against real SMTP servers: login, TLS, refusals, a server that dies before and after it took the message."""

from __future__ import annotations

import email
import email.policy
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from midwatch.channels.message import Message, Verdict
from midwatch.channels.senders import send
from midwatch.runbook.channels import ChannelKind, ChannelTarget, SecretSource

PASSWORD = "Zq81-mail-password"


class Mailbox:
    """Keeps what it takes, and answers RCPT and DATA as a test says."""

    def __init__(self, rcpt: str = "250 OK", data: str = "250 Taken as 4711") -> None:
        self.rcpt, self.data = rcpt, data
        self.mails: list[EmailMessage] = []
        self.receivers: list[str] = []

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, _: Any) -> str:  # noqa: N802
        if self.rcpt.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.rcpt

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        assert isinstance(envelope.content, bytes)
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        self.receivers += envelope.rcpt_tos
        return self.data


def _admits(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
    good = isinstance(data, LoginPassword) and (data.login, data.password) == (b"midwatch", PASSWORD.encode())
    return AuthResult(success=good, handled=False)


@contextmanager
def mail_server(box: Mailbox, **given: Any) -> Iterator[int]:
    """The port of a mail server on the loopback."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    controller = Controller(box, hostname="127.0.0.1", port=port, ready_timeout=30, **given)
    controller.start()
    try:
        yield port
    finally:
        controller.stop()


class _TlsController(Controller):
    """Looks whether it is up by TLS as a client: its own way takes the server's context for that."""

    def _trigger_server(self) -> None:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with (
            socket.create_connection((self.hostname, self.port), timeout=10) as plain,
            context.wrap_socket(plain) as tls,
        ):
            tls.recv(1024)


@contextmanager
def tls_mail_server(box: Mailbox, context: ssl.SSLContext) -> Iterator[int]:
    """The port of a mail server that speaks TLS from the first byte on."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    controller = _TlsController(box, hostname="127.0.0.1", port=port, ssl_context=context, ready_timeout=30)
    controller.start()
    try:
        yield port
    finally:
        controller.stop()


def target(port: int, **given: Any) -> ChannelTarget:
    plain = {"to": ("ops@example.org",), "sender": "midwatch@example.org", "tls": "none", "timeout": 5.0}
    return ChannelTarget(ChannelKind.EMAIL, **plain | {"server": f"localhost:{port}"} | given)


def server_context(own_ca: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own_ca / "crt", own_ca / "key")
    return context


def test_a_mail_is_what_its_receiver_can_read(message: Message) -> None:
    box = Mailbox()
    with mail_server(box) as port:
        given_up = send(message, target(port, to=("ö@example.org",)))
        answer = send(message, target(port, to=("ops@exämple.org",)))
    assert given_up.verdict is Verdict.GIVE_UP
    assert (answer.verdict, answer.detail) == (Verdict.ACCEPTED, "SMTP 250: Taken as 4711")
    (mail,) = box.mails
    assert mail["Subject"] == "[SEV-1] Backup failure, INC-20261123-0200-backup"
    assert mail["Message-ID"] == "<midwatch.INC-20261123-0200-backup.12.1@example.org>"
    assert mail.get_content().replace("\r\n", "\n") == f"{message.text}\n"  # a line of one dot as well
    assert box.receivers == ["ops@xn--exmple-cua.org"]


def test_a_login_goes_over_tls_that_the_own_ca_vouches_for(
    message: Message, own_ca: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAIL_PASSWORD", PASSWORD)
    login = {"user": "midwatch", "password": SecretSource(variable="MAIL_PASSWORD"), "ca": str(own_ca / "crt")}
    box, context = Mailbox(), server_context(own_ca)
    with mail_server(box, tls_context=context, require_starttls=True, authenticator=_admits) as port:
        starttls = target(port, tls="starttls", **login)
        assert send(message, starttls).verdict is Verdict.ACCEPTED
        unknown = send(message, target(port, tls="starttls"))
        assert (unknown.verdict, "certificate" in unknown.detail) == (Verdict.WAIT, True)
        monkeypatch.setenv("MAIL_PASSWORD", "wrong-password")
        refused = send(message, starttls)
        assert refused.verdict is Verdict.REFUSED
        assert refused.detail.startswith("SMTP 535")
        assert send(message, target(port)).verdict is Verdict.REFUSED  # it wants STARTTLS
    assert len(box.mails) == 1


def test_a_mail_goes_over_tls_from_the_first_byte_where_the_channel_says_so(message: Message, own_ca: Path) -> None:
    box = Mailbox()
    with tls_mail_server(box, server_context(own_ca)) as port:
        assert send(message, target(port, tls="tls", ca=str(own_ca / "crt"))).verdict is Verdict.ACCEPTED
        assert send(message, target(port, tls="tls")).verdict is Verdict.WAIT
    assert len(box.mails) == 1


@pytest.mark.parametrize(
    ("rcpt", "data", "verdict"),
    [
        ("450 Greylisted", "250 OK", Verdict.WAIT),
        ("550 No such user", "250 OK", Verdict.REFUSED),
        ("250 OK", "452 Disk full", Verdict.WAIT),
        ("250 OK", "554 Spam", Verdict.REFUSED),
        ("250 OK", "251 Forwarded", Verdict.ACCEPTED),
        ("250 OK", "354 Go on", Verdict.UNSURE),
    ],
)
def test_an_answer_of_a_mail_server_says_what_became_of_the_mail(
    rcpt: str, data: str, verdict: Verdict, message: Message
) -> None:
    with mail_server(Mailbox(rcpt, data)) as port:
        answer = send(message, target(port))
    assert answer.verdict is verdict
    assert answer.detail.startswith("SMTP ")


def _dies_at(phase: str, listener: socket.socket) -> None:
    """A mail server that ends the connection in this phase."""
    connection, _ = listener.accept()
    with connection, connection.makefile("rwb", buffering=0) as stream:
        if phase == "GREETING":
            stream.write(b"554 no mail from you\r\n")
            return
        stream.write(b"220 here\r\n")
        while line := stream.readline():
            word = line[:4].upper().strip()
            if word == phase.encode():
                return
            stream.write(b"354 go\r\n" if word == b"DATA" else b"250 OK\r\n")
            if word == b"DATA":
                while stream.readline() != b".\r\n":
                    pass
                if phase in ("ANSWER", "GARBAGE"):
                    stream.write(b"what?\r\n" if phase == "GARBAGE" else b"")
                    return


@pytest.mark.parametrize(
    ("phase", "verdict"),
    [
        ("GREETING", Verdict.REFUSED),
        ("RCPT", Verdict.WAIT),
        ("DATA", Verdict.WAIT),
        ("ANSWER", Verdict.UNSURE),
        ("GARBAGE", Verdict.UNSURE),
    ],
)
def test_only_a_mail_whose_end_was_sent_may_have_arrived(phase: str, verdict: Verdict, message: Message) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_dies_at, args=(phase, listener))
        thread.start()
        answer = send(message, target(listener.getsockname()[1]))
        thread.join()
    assert answer.verdict is verdict


def test_no_mail_server_and_a_silent_one_did_not_take_the_mail(message: Message) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        answer = send(message, target(silent.getsockname()[1], timeout=0.3))
        assert (answer.verdict, answer.detail) == (Verdict.WAIT, "no answer within the time limit")
        port = silent.getsockname()[1]
    assert send(message, target(port)).detail == "Connection refused"
