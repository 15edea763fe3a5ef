"""The real process of a watcher, killed at any moment while logs rotate: each trigger once, and each message once."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from midwatch.watch.requests import RequestStore
from tests.support.waiting import wait_for
from tests.watch.rotating import copy_and_truncate, rename
from tests.watch.watched_runbook import WatchedRunbook

_TRIGGERS, _SEED = 40, 18


@pytest.mark.heavy
def test_watcher_killed_again_and_again_fires_for_each_trigger_once(tmp_path: Path) -> None:
    chance = random.Random(_SEED)
    triggers = [f"{{id: t{n}, title: T{n}, log: logs/a.log, match: 'event {n}\\b'}}" for n in range(_TRIGGERS)]
    channel = "channels: {incident: {kind: file, path: told.jsonl}}\nwatch: {every: 0.05 s}\n"
    place = WatchedRunbook(tmp_path, f"{channel}triggers: [{', '.join(triggers)}]\n")
    place.watcher.close()
    log, store = tmp_path / "logs/a.log", RequestStore(place.runbook)
    words = [sys.executable, "-m", "midwatch", "watch", str(tmp_path / "runbook.yaml")]

    def started() -> subprocess.Popen[bytes]:
        return subprocess.Popen(words, cwd=Path(__file__).parents[2], stdout=subprocess.DEVNULL)

    process, kills = started(), 0
    try:
        state = tmp_path / "logs/watch/state.json"
        wait_for(lambda: state.exists() and "inode" in state.read_text(), "the first look")
        for number in range(_TRIGGERS):
            place.log(f"event {number}", "a.log")
            if chance.random() < 0.4:
                rename(log)
            if chance.random() < 0.5:
                place.log("an ordinary line", "a.log")
            if chance.random() < 0.5:
                wait_for(lambda number=number: len(store.every()) > number, "the requests up to here")
                if log.exists() and chance.random() < 0.3:  # at any other moment `copytruncate` itself may lose lines
                    copy_and_truncate(log)
            else:  # at any moment: while it starts, looks, writes or tells
                time.sleep(chance.random() * 0.2)
            if chance.random() < 0.6:
                process.kill()
                process.wait()
                kills += 1
                process = started()
        wait_for(lambda: len(store.every()) == _TRIGGERS, "every request")
        told = tmp_path / "told.jsonl"
        wait_for(lambda: told.exists() and len(told.read_text().splitlines()) == _TRIGGERS, "every message")
    finally:
        process.kill()
        process.wait()
    assert kills > _TRIGGERS / 3
    assert {request.trigger for request in store.every()} == {f"t{n}" for n in range(_TRIGGERS)}
    titles = [json.loads(line)["subject"] for line in (tmp_path / "told.jsonl").read_text().splitlines()]
    assert len({*titles}) == _TRIGGERS
