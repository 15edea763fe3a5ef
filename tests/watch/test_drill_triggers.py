"""The five triggers of the reference runbook on the logs of the drill's night, with rotation in between."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

from drill.scenarios import Scenario, find
from drill.seed.logs import write_logs
from midwatch.api.action import Context
from midwatch.engine.planning import SilentConsole
from midwatch.runbook.loader import load
from midwatch.watch.watcher import Watcher
from tests.support.clocks import AheadClock
from tests.watch.rotating import copy_and_truncate, rename

RUNBOOK = Path(__file__).parents[2] / "runbook.yaml"
LOGS = ("backup.log", "ci.log", "monitoring.log")
TRIGGERS = {"backup-log-failure", "disk-above-95", "arp-auth-failure", "ci-failure", "monitoring-alert"}


def test_each_trigger_of_the_night_fires_once_within_two_looks_through_rotations_and_restarts(tmp_path: Path) -> None:
    at = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=2)
    quiet = Scenario("quiet", "Nothing is wrong", percent=62.0, password_lost=False, corrupt_set=False)
    write_logs(tmp_path, [], at, quiet)
    (tmp_path / "night").mkdir()
    write_logs(tmp_path / "night", [], at, find("reference"))
    shutil.copy(RUNBOOK, tmp_path)
    runbook, clock, fired = load(tmp_path / "runbook.yaml", environment={}), AheadClock(), dict[str, str]()

    def started() -> Watcher:
        return Watcher(Context(runbook, SilentConsole(), clock, "watcher"))

    watcher = started()
    assert watcher.look() == []
    lines = [
        (line, name)
        for name in LOGS
        for line in (tmp_path / f"night/logs/{name}").read_text().splitlines(keepends=True)
        if line not in (tmp_path / f"logs/{name}").read_text()
    ]
    for number, (line, name) in enumerate(sorted(lines)):
        log = tmp_path / "logs" / name
        if number % 3:
            (rename if number % 3 == 1 else copy_and_truncate)(log)
        with log.open("a") as file:
            file.write(line)
        if number % 2:
            watcher.close()
            watcher = started()
        found = [request for _ in range(2) for request in watcher.look()]
        assert {request.trigger for request in found} == wanted(line) - fired.keys()
        for request in found:
            assert line.strip() in request.evidence
            assert f"{request.moment:%Y-%m-%d %H:%M:%SZ}" == line[:20]
            fired[request.trigger] = request.id
    assert fired.keys() == TRIGGERS
    assert len(watcher.store.every()) == len(TRIGGERS)
    watcher.close()


def wanted(line: str) -> set[str]:
    """The triggers of which a line of that night tells."""
    said = {
        "PROD nightly backup stopped": "backup-log-failure",
        "unsafe for backup": "disk-above-95",
        "arp-db-prod: authentication failed": "arp-auth-failure",
        "pipeline nightly-backup #339 failed": "ci-failure",
        "[ALERT]": "monitoring-alert",
    }
    return {trigger for words, trigger in said.items() if words in line}
