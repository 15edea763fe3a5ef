"""The delivery process against receivers that fail in every way, and killed at every point."""

from __future__ import annotations

import dataclasses
import itertools
import json
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from midwatch.channels.message import Answer, Message
from midwatch.channels.senders import send
from midwatch.outbox.delivery import DeliveryProcess
from midwatch.outbox.limits import DeliveryLimits
from midwatch.outbox.store import Decision, Delivery, DeliveryState, OutboxStore
from midwatch.runbook.channels import ChannelKind, ChannelTarget, SecretSource
from midwatch.system.clock import SystemClock
from tests.support.receivers import dies, is_silent, receiver, replies
from tests.support.users import MALLORY, ONCALL, needs_root, run_as
from tests.support.waiting import wait_for

AT_ONCE = DeliveryLimits(first_wait_s=0.01, longest_wait_s=0.05, interval_factor=0.0)


@pytest.fixture
def store(tmp_path: Path) -> OutboxStore:
    (tmp_path / "INC-1" / "outbox").mkdir(parents=True)
    return OutboxStore(tmp_path / "INC-1" / "outbox")


def queue(store: OutboxStore, number: int, url: str, **given: Any) -> None:
    message = Message(f"{number}.1", "INC-1", "Title", "SEV-1", "production", f"text {number}", "2026-11-23T02:14:07Z")
    target = ChannelTarget(ChannelKind.WEBHOOK, **{"url": url, "timeout": 5.0} | given)
    store.add(Delivery(message, target, "incident", at="2026-11-23T02:14:07Z", queued_at=time.time()))


def deliver(store: OutboxStore, limits: DeliveryLimits = AT_ONCE) -> list[Delivery]:
    DeliveryProcess(store, limits=limits).run()
    return store.own()


def test_a_receiver_that_recovers_gets_every_message_once_and_in_order(store: OutboxStore) -> None:
    answers = [replies(500), replies(429, Retry_After="0"), replies(503, Retry_After="1"), replies(200)]
    with receiver(*answers) as server:
        for number in (9, 10, 11):
            queue(store, number, server.url)
        began = time.monotonic()
        found = deliver(store)
        assert time.monotonic() - began >= 1.0  # the receiver asked for a second
    assert [delivery.state for delivery in found] == [DeliveryState.ACCEPTED] * 3
    assert [delivery.id for delivery in found] == ["9.1", "10.1", "11.1"]
    taken = server.texts[3:]
    assert sorted(taken) == ["text 10", "text 11", "text 9"]
    assert sum(delivery.tries for delivery in found) == len(server.requests) == 6
    assert any("HTTP 500" in line for delivery in found for line in delivery.history)


def test_an_answer_that_was_lost_is_asked_and_not_repeated_in_silence(store: OutboxStore) -> None:
    with receiver(dies, dies, replies(200)) as server:
        queue(store, 1, server.url)
        (unsure,) = deliver(store)
        assert (unsure.state, len(server.requests)) == (DeliveryState.UNSURE, 1)
        deliver(store)
        assert len(server.requests) == 1
        store.decide("1.1", Decision(5, retry=True))
        (unsure,) = deliver(store)
        assert (unsure.state, len(server.requests)) == (DeliveryState.UNSURE, 2)
        store.decide("1.1", Decision(6, retry=True))
        (taken,) = deliver(store)
        assert (taken.state, len(server.requests)) == (DeliveryState.ACCEPTED, 3)
        store.decide("1.1", Decision(7, retry=True))  # it was too late: it has arrived
        (taken,) = deliver(store)
        assert (taken.state, len(server.requests)) == (DeliveryState.ACCEPTED, 3)
        queue(store, 2, server.url, idempotent=True)
        server.answers[:] = [dies, dies, replies(200)]
        assert deliver(store)[1].state is DeliveryState.ACCEPTED
    assert len({request.headers["Idempotency-Key"] for request in server.requests[3:]}) == 1


class SetClock(SystemClock):
    """A machine whose time of day is set."""

    ahead = timedelta()

    def now(self) -> datetime:
        return super().now() + self.ahead


def test_a_time_of_day_that_is_set_gives_nothing_up_and_holds_nothing_up(store: OutboxStore) -> None:
    clock = SetClock()

    def set_to(days: int) -> Callable[[BaseHTTPRequestHandler], None]:
        def answer(handler: BaseHTTPRequestHandler) -> None:
            clock.ahead = timedelta(days=days)
            replies(503)(handler)

        return answer

    with receiver(set_to(2), set_to(-2), set_to(9), replies(200)) as server:
        queue(store, 1, server.url)
        DeliveryProcess(store, limits=dataclasses.replace(AT_ONCE, longest_wait_s=600.0), clock=clock).run()
    assert [delivery.state for delivery in store.own()] == [DeliveryState.ACCEPTED]


def test_one_receiver_that_is_slow_or_down_holds_up_no_other(store: OutboxStore) -> None:
    released = threading.Event()
    with receiver(is_silent(released)) as silent, receiver(replies(503)) as down, receiver() as well:
        for number, server in ((1, silent), (2, down), (3, well), (4, silent), (5, well)):
            queue(store, number, server.url)
        thread = threading.Thread(target=deliver, args=(store,))
        thread.start()
        wait_for(lambda: len(well.requests) == 2 and len(down.requests) > 2, "the others")
        assert len(silent.requests) == 1  # one after another to each receiver
        store.decide("2.1", Decision(9, retry=False, reason="told by phone"))
        released.set()
        thread.join(60)
    states = {delivery.id: delivery.state for delivery in store.own()}
    assert states == {
        "1.1": DeliveryState.UNSURE,
        "2.1": DeliveryState.GIVEN_UP,
        "3.1": DeliveryState.ACCEPTED,
        "4.1": DeliveryState.UNSURE,
        "5.1": DeliveryState.ACCEPTED,
    }
    assert store.own()[1].detail == "told by phone"


def test_what_nobody_takes_is_given_up_after_a_day_and_a_limit_is_kept(store: OutboxStore) -> None:
    queue(store, 1, "http://127.0.0.1:9/x")
    (given_up,) = deliver(store, dataclasses.replace(AT_ONCE, give_up_after_s=0.2))
    assert given_up.state is DeliveryState.GIVEN_UP
    assert "Connection refused" in given_up.detail
    limits = DeliveryLimits()
    slack = ChannelTarget(ChannelKind.SLACK)
    assert limits.interval_s(slack) == 1.0
    waits = [limits.wait_s(tries, None) for tries in range(40)]
    assert waits[0] < 4
    assert max(waits) <= 300 * 1.25
    assert limits.wait_s(0, 60.0) >= 60.0


@needs_root
def test_a_file_of_ours_that_a_member_of_the_group_moves_into_the_outbox_is_never_sent(reachable: Path) -> None:
    reachable = reachable / "INC-1"
    reachable.mkdir()
    for name in ("outbox", "shared"):
        (reachable / name).mkdir()
        os.chown(reachable / name, 0, ONCALL)
        (reachable / name).chmod(0o2770)
    store, ran = OutboxStore(reachable / "outbox"), reachable / "ran"
    message = Message("1.1", "INC-1", "Title", "SEV-1", "production", "text", "2026-11-23T02:14:07Z")
    target = ChannelTarget(ChannelKind.COMMAND, command=("touch", str(ran)), timeout=5.0)
    moved = Delivery(message, target, "incident", at="2026-11-23T02:14:07Z", queued_at=time.time())
    (reachable / "shared" / "file").write_text(json.dumps(moved.to_json()))  # as a checkout of a member's commit does
    (reachable / "shared" / "file").chmod(0o644)
    run_as(MALLORY, lambda: (reachable / "shared/file").rename(reachable / "outbox/1.1.json"), groups=[ONCALL])
    assert deliver(store) == []
    assert not ran.exists()
    assert not store.is_by("1.1")
    (reachable / "outbox/1.1.json").unlink()
    store.add(moved)
    assert deliver(store)[0].state is DeliveryState.ACCEPTED
    assert ran.exists()
    ran.unlink()
    another = OutboxStore(reachable.parent / "INC-2/outbox")
    another.folder.mkdir(parents=True, mode=0o770)
    another.add(moved)
    (another.folder / "1.1.json").rename(reachable / "outbox/1.1.json")
    assert deliver(store) == []
    assert not ran.exists()
    shutil.rmtree(another.folder.parent)


def test_slack_gets_one_message_a_second(store: OutboxStore, monkeypatch: pytest.MonkeyPatch) -> None:
    times: list[float] = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        times.append(time.monotonic())
        replies(200)(handler)

    with receiver(answer) as server:
        monkeypatch.setenv("SLACK", server.url)
        for number in range(1, 5):
            message = Message(f"{number}.1", "INC-1", "T", "SEV-1", "production", "text", "2026-11-23T02:14:07Z")
            slack = ChannelTarget(ChannelKind.SLACK, url=SecretSource(variable="SLACK"))
            store.add(Delivery(message, slack, "incident", queued_at=time.time()))
        deliver(store, dataclasses.replace(AT_ONCE, interval_factor=0.2))
    gaps = [after - before for before, after in itertools.pairwise(times)]
    assert len(gaps) == 3
    assert sum(gaps) >= 3 * 0.2 - 0.1  # the first one may take longer on its way


def test_a_file_that_is_none_of_ours_is_shown_and_never_sent(store: OutboxStore) -> None:
    with receiver() as server:
        queue(store, 1, server.url)
        path = store.folder / "1.1.json"
        os.link(path, store.folder / "2.1.json")
        (store.folder / "3.1.json").symlink_to(path)
        (store.folder / "4.1.json").write_bytes(b'{"format": 1, "message": {}}')
        (store.folder / "5.1.json").write_bytes(b"\xff" * 1000)
        os.mkfifo(store.folder / "6.1.json")
        assert deliver(store) == []
        assert not server.requests
        (store.folder / "2.1.json").unlink()
        assert [delivery.state for delivery in deliver(store)] == [DeliveryState.ACCEPTED]


def test_two_processes_send_nothing_twice_and_what_comes_meanwhile_is_sent(store: OutboxStore) -> None:
    with receiver() as server:
        for number in range(1, 6):
            queue(store, number, server.url)
        threads = [threading.Thread(target=deliver, args=(store,)) for _ in range(3)]
        for thread in threads:
            thread.start()
        for number in range(6, 11):
            queue(store, number, server.url)
            deliver(store)  # as its driver does; the one that holds the lock sends it
        for thread in threads:
            thread.join(60)
    assert sorted(server.texts) == sorted(f"text {number}" for number in range(1, 11))
    assert {delivery.state for delivery in store.own()} == {DeliveryState.ACCEPTED}


class _Killed:
    """Kills this process at one of the points that it counts."""

    def __init__(self, point: int) -> None:
        self.left = point

    def passes(self) -> None:
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(60)
        self.left -= 1

    def store(self, folder: Path) -> OutboxStore:
        killed = self

        class Store(OutboxStore):
            def write(self, delivery: Delivery) -> None:
                killed.passes()
                super().write(delivery)
                killed.passes()

        return Store(folder)

    def send(self, message: Message, target: ChannelTarget) -> Answer:
        self.passes()
        answer = send(message, target)
        self.passes()
        return answer


def _is_killed(folder: Path, point: int) -> bool:
    """Deliver in a process of its own that is killed at this point; False once there is no such point."""
    child = os.fork()
    if child == 0:
        killed = _Killed(point)
        DeliveryProcess(killed.store(folder), send=killed.send, limits=AT_ONCE).run()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


@pytest.mark.slow
@pytest.mark.parametrize(("answer", "idempotent"), [(replies(200), False), (dies, True)])
def test_a_kill_at_any_point_loses_nothing_and_every_fate_is_true(
    tmp_path: Path, answer: Callable[[BaseHTTPRequestHandler], None], idempotent: bool
) -> None:
    points = 0
    with receiver() as server:
        while True:
            store = OutboxStore(tmp_path / str(points) / "INC-1" / "outbox")
            store.folder.mkdir(parents=True)
            server.requests.clear()
            server.answers[:] = [answer, replies(200)]
            for number in (1, 2):
                queue(store, number, server.url, idempotent=idempotent)
            was_killed = _is_killed(store.folder, points)
            found = deliver(store)
            for delivery in found:
                sent = server.texts.count(delivery.message.text)
                if idempotent:
                    assert delivery.state is DeliveryState.ACCEPTED
                    assert sent >= 1
                elif delivery.state is DeliveryState.ACCEPTED:
                    assert sent == 1
                else:
                    assert (delivery.state, sent <= 1) == (DeliveryState.UNSURE, True)
            if not was_killed:
                break
            points += 1
    assert points >= 12
