"""Senders by HTTP against real servers: what each answer, and each way to fail, says of the message."""

from __future__ import annotations

import dataclasses
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from midwatch.channels.message import Message, Verdict
from midwatch.channels.senders import send
from midwatch.runbook.channels import ChannelKind, ChannelTarget, SecretSource
from tests.support.receivers import dies, is_silent, receiver, replies

KEY = SecretSource(variable="PD_KEY")
URL = SecretSource(variable="RECEIVER_URL")
SUCCESS = '{"status": "success", "message": "Event processed", "dedup_key": "x"}'


def target(kind: ChannelKind = ChannelKind.WEBHOOK, **given: Any) -> ChannelTarget:
    return ChannelTarget(kind, **{"url": URL, "timeout": 5.0} | given)


@pytest.mark.parametrize(
    ("kind", "status", "body", "verdict"),
    [
        (ChannelKind.SLACK, 200, "ok", Verdict.ACCEPTED),
        (ChannelKind.SLACK, 200, "<html>Log in to the Wi-Fi</html>", Verdict.UNSURE),
        (ChannelKind.SLACK, 200, "invalid_token", Verdict.REFUSED),
        (ChannelKind.SLACK, 200, '{"ok": false, "error": "rate_limited"}', Verdict.WAIT),
        (ChannelKind.SLACK, 404, "no_service", Verdict.REFUSED),
        (ChannelKind.SLACK, 410, "channel_is_archived", Verdict.REFUSED),
        (ChannelKind.SLACK, 500, "rollup_error", Verdict.WAIT),
        (ChannelKind.TEAMS, 202, "", Verdict.ACCEPTED),
        (ChannelKind.TEAMS, 200, "1", Verdict.ACCEPTED),
        (ChannelKind.TEAMS, 200, "Webhook message delivery failed with error: ... HTTP error 429 ...", Verdict.WAIT),
        (ChannelKind.TEAMS, 200, "Webhook message delivery failed with error: ... HTTP error 413", Verdict.REFUSED),
        (ChannelKind.TEAMS, 200, "<html>Log in to the proxy</html>", Verdict.UNSURE),
        (ChannelKind.TEAMS, 202, '{"error": {"code": "TriggerInputSchemaMismatch"}}', Verdict.REFUSED),
        (ChannelKind.TEAMS, 200, '{"text": "an own answer of the workflow"}', Verdict.ACCEPTED),
        (ChannelKind.PAGERDUTY, 202, SUCCESS, Verdict.ACCEPTED),
        (ChannelKind.PAGERDUTY, 200, "<html>", Verdict.UNSURE),
        (ChannelKind.PAGERDUTY, 202, "<html>", Verdict.UNSURE),
        (ChannelKind.PAGERDUTY, 400, '{"status": "invalid event"}', Verdict.REFUSED),
        (ChannelKind.WEBHOOK, 204, "", Verdict.ACCEPTED),
        (ChannelKind.WEBHOOK, 302, "", Verdict.REFUSED),
        (ChannelKind.WEBHOOK, 407, "", Verdict.WAIT),
        (ChannelKind.WEBHOOK, 503, "", Verdict.WAIT),
        (ChannelKind.WEBHOOK, 502, "", Verdict.UNSURE),
        (ChannelKind.WEBHOOK, 504, "", Verdict.UNSURE),
    ],
)
def test_an_answer_says_what_became_of_the_message(
    kind: ChannelKind, status: int, body: str, verdict: Verdict, message: Message, monkeypatch: pytest.MonkeyPatch
) -> None:
    with receiver(replies(status, body, Location="http://127.0.0.1:9/")) as server:
        monkeypatch.setenv("RECEIVER_URL", server.url)
        monkeypatch.setenv("PD_KEY", "R0123456789ABCDEFGHIJKLMNOPQRSTU")
        answer = send(message, target(kind, key=KEY if kind is ChannelKind.PAGERDUTY else None))
    assert answer.verdict is verdict
    assert len(server.requests) == 1
    assert answer.detail.startswith(f"HTTP {status}")


def test_each_kind_sends_what_its_receiver_reads(message: Message, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PD_KEY", "R0123456789ABCDEFGHIJKLMNOPQRSTU")
    with receiver(replies(202, SUCCESS)) as server:
        monkeypatch.setenv("RECEIVER_URL", server.url)
        for kind in (ChannelKind.SLACK, ChannelKind.TEAMS, ChannelKind.WEBHOOK):
            send(message, target(kind))
        pager = target(ChannelKind.PAGERDUTY, key=KEY, url=server.url)
        for kind in (ChannelKind.SLACK, ChannelKind.TEAMS):
            for text in ("&" * 12_000, "😀" * 12_000):
                send(dataclasses.replace(message, text=text), target(kind))
        for action in ("trigger", "acknowledge", "resolve"):
            send(dataclasses.replace(message, action=action, id=f"13.{len(action)}"), pager)
    slack, teams, webhook, *more = [request.body for request in server.requests]
    long, pages = more[:4], more[4:]
    assert [body["text"][-1] for body in long[:2]] == ["…", "😀"]
    assert max(len(body["text"]) for body in long[:2]) <= 35_000
    assert max(len(json.dumps(body)) for body in long[2:]) <= 28_000  # bytes that Teams takes
    assert "TextBlock'" not in str(teams).replace("RichTextBlock'", "")  # it would read Markdown
    assert slack["text"].startswith(
        "[SEV-1] Backup failure, INC-20261123-0200-backup\nFirst line &lt;!channel&gt; &amp;"
    )
    assert "last line" in str(teams["attachments"][0]["content"]["body"])
    assert webhook["text"] == message.text
    assert server.requests[2].headers["Idempotency-Key"] == "midwatch/INC-20261123-0200-backup/12.1"
    assert [page["event_action"] for page in pages] == ["trigger", "acknowledge", "resolve"]
    assert {page["dedup_key"] for page in pages} == {"midwatch/INC-20261123-0200-backup"}
    assert pages[0]["payload"]["severity"] == "critical"
    assert "payload" not in pages[2]


def test_retry_after_is_understood_in_seconds_and_as_a_date(message: Message, monkeypatch: pytest.MonkeyPatch) -> None:
    date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 100))
    answers = [
        replies(429, "slow down", Retry_After=given)
        for given in ("7", date, "soon", "99999999999999999", "-5", "1e9", f"Fri, 31 Dec {'9' * 20} 23:59:59 GMT")
    ]
    with receiver(*answers) as server:
        monkeypatch.setenv("RECEIVER_URL", server.url)
        found = [send(message, target()) for _ in answers]
    assert {answer.verdict for answer in found} == {Verdict.WAIT}
    seconds = [answer.retry_after_s for answer in found]
    assert seconds[0] == 7.0
    assert seconds[1] is not None
    assert 0 < seconds[1] <= 100
    assert seconds[2:] == [None, 3600.0, None, None, None]


def test_only_a_message_that_certainly_did_not_arrive_is_sent_again(
    message: Message, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = threading.Event()
    with receiver(dies, is_silent(released)) as server:
        monkeypatch.setenv("RECEIVER_URL", server.url)
        reset = send(message, target())
        silent = send(message, target(timeout=0.3))
        released.set()
    with socket.socket() as taken:  # bound, and nobody listens
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setenv("RECEIVER_URL", f"http://127.0.0.1:{taken.getsockname()[1]}/secret-path")
        refused = send(message, target())
    monkeypatch.setenv("RECEIVER_URL", "https://no-such-host.invalid/secret-path")
    unknown = send(message, target())
    assert [reset.verdict, silent.verdict] == [Verdict.UNSURE, Verdict.UNSURE]
    assert [refused.verdict, unknown.verdict] == [Verdict.WAIT, Verdict.WAIT]
    assert silent.detail == "no answer within the time limit"
    assert refused.detail == "Connection refused"
    assert "secret-path" not in str([reset, silent, refused, unknown])
    monkeypatch.setenv("RECEIVER_URL", "ftp://example.org")
    assert send(message, target()).verdict is Verdict.GIVE_UP
    monkeypatch.delenv("RECEIVER_URL")
    assert send(message, target()).detail == "$RECEIVER_URL is not set where Midwatch was started"


def test_a_body_that_never_ends_or_breaks_off_says_as_much_as_came_of_it(
    message: Message, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = threading.Event()

    def answers(body: bytes) -> Callable[[BaseHTTPRequestHandler], None]:
        def answer(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(200)
            handler.send_header("Content-Length", "1000000")
            handler.end_headers()
            handler.wfile.write(body)
            while body.startswith(b"drip") and not released.wait(0.05):
                handler.wfile.write(b".")
            handler.close_connection = True

        return answer

    with receiver(*map(answers, (b"drip", b"drip", b"no_service", b""))) as server:
        monkeypatch.setenv("RECEIVER_URL", server.url.replace("://", "://ada:pass-4711@"))
        endless = [target(kind, timeout=0.3) for kind in (ChannelKind.WEBHOOK, ChannelKind.SLACK)]
        found = [send(message, each) for each in (*endless, target(ChannelKind.SLACK), target(ChannelKind.TEAMS))]
        released.set()
    verdicts = [answer.verdict for answer in found]
    assert verdicts == [Verdict.ACCEPTED, Verdict.UNSURE, Verdict.REFUSED, Verdict.UNSURE]
    assert {request.headers["Authorization"] for request in server.requests} == {"Basic YWRhOnBhc3MtNDcxMQ=="}


def test_words_of_a_receiver_are_bounded_and_clean_and_hold_no_secret(
    message: Message, monkeypatch: pytest.MonkeyPatch
) -> None:
    with receiver(replies(400, "\x1b]0;title\x07bad token SECRET-1234-abcdef " + "x" * 100_000)) as server:
        monkeypatch.setenv("RECEIVER_URL", f"{server.url}?token=SECRET-1234-abcdef")
        monkeypatch.setenv("AUTH", "SECRET-1234-abcdef")
        answer = send(message, target(authorization=SecretSource(variable="AUTH")))
    assert answer.verdict is Verdict.REFUSED
    assert len(answer.detail) <= 300
    assert "SECRET" not in answer.detail
    assert answer.detail.isprintable()


def test_a_certificate_is_checked_against_the_systems_or_the_own_ca(
    message: Message, own_ca: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own_ca / "crt", own_ca / "key")
    with receiver(tls=context) as server:
        monkeypatch.setenv("RECEIVER_URL", server.url)
        unknown = send(message, target())
        known = send(message, target(ca=str(own_ca / "crt")))
        missing = send(message, target(ca=str(own_ca / "none")))
    assert [unknown.verdict, known.verdict, missing.verdict] == [Verdict.WAIT, Verdict.ACCEPTED, Verdict.WAIT]
    assert "certificate" in unknown.detail
    assert len(server.requests) == 1


@contextmanager
def proxy(status: bytes) -> Iterator[tuple[str, list[bytes]]]:
    """A proxy that answers CONNECT with this status and then joins both sides."""
    heads: list[bytes] = []

    def serve() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with client:
                heads.append(client.recv(65536))
                client.sendall(b"HTTP/1.1 " + status + b"\r\n\r\n")
                if not status.startswith(b"200"):
                    continue
                host, port = heads[-1].split()[1].decode().split(":")
                with socket.create_connection((host, int(port)), timeout=10) as server:
                    there = threading.Thread(target=_copy, args=(client, server), daemon=True)
                    there.start()
                    _copy(server, client)

    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", heads
    finally:
        listener.close()


def _copy(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            sink.sendall(data)
    except OSError:
        pass


def test_the_proxy_of_the_environment_is_used(message: Message, own_ca: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own_ca / "crt", own_ca / "key")
    given = target(ca=str(own_ca / "crt"))
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("https_proxy", raising=False)
    with receiver(tls=context) as server:
        monkeypatch.setenv("RECEIVER_URL", server.url)
        with proxy(b"200 joined") as (address, heads):
            monkeypatch.setenv("HTTPS_PROXY", address)
            assert send(message, given).verdict is Verdict.ACCEPTED
            assert heads[0].startswith(b"CONNECT localhost:")
        with proxy(b"503 no way out") as (address, _):
            monkeypatch.setenv("HTTPS_PROXY", address)
            assert send(message, given).verdict is Verdict.WAIT
        monkeypatch.setenv("NO_PROXY", "localhost")
        assert send(message, given).verdict is Verdict.ACCEPTED
    assert len(server.requests) == 2
