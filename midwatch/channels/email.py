"""E-mail by SMTP or by the program sendmail. One send has one receiver, so each has a fate of its own."""

from __future__ import annotations

import contextlib
import smtplib
import ssl
from collections.abc import Mapping
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from midwatch.channels.command import run_with_text
from midwatch.channels.message import Answer, AnswerLost, Message, NotSent, Verdict
from midwatch.runbook.channels import ChannelTarget, host_and_port
from midwatch.system.clock import from_rfc3339

_GO_ON = 354
_PORTS = {"starttls": 587, "tls": 465, "none": 25}


def send(message: Message, target: ChannelTarget, secrets: Mapping[str, str]) -> Answer:
    """Accepted means that a mail server took the message, not that somebody has read it."""
    try:
        data = _mail(message, target).as_bytes(policy=SMTP)
    except ValueError as error:
        raise NotSent(f"no mail can be written from these addresses: {error}", for_good=True) from error
    if not target.server:
        words = (target.sendmail, "-i", "-f", target.sender, "--", *target.to)
        return run_with_text(words, data.replace(b"\r\n", b"\n"), target.timeout, {})
    try:
        server = _connected(target)
    except smtplib.SMTPResponseException as error:
        return _refusal(error.smtp_code, error.smtp_error)
    except (OSError, smtplib.SMTPException) as error:
        raise NotSent(_words(error)) from error
    try:
        return _handed_over(server, data, target, secrets)
    finally:
        with contextlib.suppress(OSError, smtplib.SMTPException):
            server.quit()


def _mail(message: Message, target: ChannelTarget) -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"] = _for_mail(target.sender), ", ".join(map(_for_mail, target.to))
    mail["Subject"] = message.subject
    mail["Date"] = format_datetime(from_rfc3339(message.at))
    host = _for_mail(target.sender).rpartition("@")[2]
    mail["Message-ID"] = f"<{message.key.replace('/', '.')}@{host}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Priority"] = "1" if message.urgent else "3"
    mail.set_content(message.text, cte="quoted-printable")
    return mail


def _for_mail(address: str) -> str:
    """The address as every mail server reads it. Raises `ValueError` for letters before the @ that few servers take."""
    name, _, host = address.rpartition("@")
    return f"{name}@{host.encode('idna').decode()}".encode("ascii").decode()


def _connected(target: ChannelTarget) -> smtplib.SMTP:
    host, given = host_and_port(target.server)
    port = given or _PORTS[target.tls]
    if target.tls == "none":
        return smtplib.SMTP(host, port, timeout=target.timeout)
    context = ssl.create_default_context(cafile=target.ca or None)
    if target.tls == "tls":
        return smtplib.SMTP_SSL(host, port, timeout=target.timeout, context=context)
    server = smtplib.SMTP(host, port, timeout=target.timeout)
    try:
        server.starttls(context=context)
    except BaseException:
        server.close()
        raise
    return server


def _handed_over(server: smtplib.SMTP, data: bytes, target: ChannelTarget, secrets: Mapping[str, str]) -> Answer:
    """Up to the final dot the server has no message; from then on only its answer says whether it has."""
    try:
        server.ehlo_or_helo_if_needed()
        if target.user:
            server.login(target.user, secrets["password"])
        for code, words in (server.mail(_for_mail(target.sender)), server.rcpt(_for_mail(target.to[0]))):
            if not 200 <= code < 300:
                return _refusal(code, words)
        code, words = server.docmd("DATA")
        if code != _GO_ON:
            return _refusal(code, words)
        server.send(_stuffed(data))
    except smtplib.SMTPResponseException as error:
        return _refusal(error.smtp_code, error.smtp_error)
    except (OSError, smtplib.SMTPException) as error:
        raise NotSent(_words(error)) from error
    try:
        code, words = server.getreply()
    except (OSError, smtplib.SMTPException) as error:
        raise AnswerLost(_words(error)) from error
    if 200 <= code < 300:
        return Answer(Verdict.ACCEPTED, _said(code, words))
    return _refusal(code, words) if 400 <= code < 600 else Answer(Verdict.UNSURE, _said(code, words))


def _stuffed(data: bytes) -> bytes:
    """The message as DATA takes it: a dot before each line that begins with one, and the final dot."""
    lines = data.removesuffix(b"\r\n").split(b"\r\n")
    return b"\r\n".join(b"." + line if line.startswith(b".") else line for line in lines) + b"\r\n.\r\n"


def _refusal(code: int, words: bytes | str) -> Answer:
    """5xx: the server will not take the message. Else it asks to come again, or speaks no SMTP."""
    return Answer(Verdict.REFUSED if 500 <= code < 600 else Verdict.WAIT, _said(code, words))


def _said(code: int, words: bytes | str) -> str:
    if code < 0:
        return "its answer is not SMTP"
    return f"SMTP {code}: {words.decode('utf-8', 'replace') if isinstance(words, bytes) else words}"


def _words(error: Exception) -> str:
    if isinstance(error, TimeoutError) or isinstance(error.__context__, TimeoutError):
        return "no answer within the time limit"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not accepted: {error.verify_message}"
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
