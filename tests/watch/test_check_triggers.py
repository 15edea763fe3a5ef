"""Every registered check decides a trigger of `midwatch watch`; one that cannot tell fires after its deadline."""

from __future__ import annotations

from pathlib import Path

import pytest

from midwatch.api.action import Check
from midwatch.api.registry import action_names, find_action
from tests.support.waiting import wait_for
from tests.watch.watched_runbook import WatchedRunbook

ARGUMENTS = {"backup": "target: arp", "password": "target: arp", "disk": "path: gone", "command": "run: 'exit 3'"}
"""Of checks that have parameters without a default."""
NOWHERE = """\
targets: {arp: {kind: docker, container: no-such-container, database: arp, label: ARP, user: arp}}
locations: {backups: runbook.yaml/x, audit: runbook.yaml/x, freeze: runbook.yaml/x, proofs: runbook.yaml/x}
triggers:
"""
"""A place of which nothing can be read."""
TIMES = "every: 10 s, deadline: 1 h"
DOES_NOT_HOLD = {"migration-checks", "services"}
"""Checks to which an answer that does not come is one: what they look after is not there."""
QUIET = {"follow-ups"}
"""Without an incident there are none."""


def test_every_check_is_a_trigger_that_fires_at_once_or_after_its_deadline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/gone")
    checks = [name for name in action_names() if issubclass(find_action(name), Check)]
    lines = [
        f"  - {{id: {name}, title: {name}, check: {name}, with: {{{ARGUMENTS.get(name, '')}}}, {TIMES}}}"
        for name in checks
    ]
    place = WatchedRunbook(tmp_path, NOWHERE + "\n".join(lines))
    fired = set[str]()

    def look(minutes: float = 0.0) -> set[str]:
        fired.update(place.look(minutes))
        return fired

    wait_for(lambda: look() >= DOES_NOT_HOLD, "the answers of all checks")
    assert fired == DOES_NOT_HOLD
    assert look(45) == DOES_NOT_HOLD
    place.restart()  # what has passed is not forgotten
    silent = {f"{name} silent" for name in set(checks) - DOES_NOT_HOLD - QUIET}
    wait_for(lambda: look(20) >= silent, "the deadlines")
    requests = place.requests()
    assert len(requests) == len({(request.trigger, request.kind) for request in requests}), "each once"
    assert all(len(request.evidence) > 5 for request in requests)
