"""The incident of docs/examples/certificates.yaml: three hosts with certificates that expire, and a full log disk."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from midwatch.engine.repository import find
from midwatch.incident.events import EventKind
from midwatch.incident.reducer import reduce
from midwatch.incident.state import Incident
from midwatch.journal.reader import read
from tests.support.waiting import wait_for

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "certificates.yaml"
HOSTS = ("web1", "web2", "web3")
FOLLOW_UPS = "Renew by a timer; ada; 2026-12-24"
TEXTS = {
    **{f"why_{number}": f"Because {number}" for number in range(1, 6)},
    "fixes": "A new certificate",
    "controls": "A timer",
}


def set_up(here: Path) -> None:
    """Certificates with three days left, a line of the monitoring, and 10 MB of logs."""
    shutil.copy(EXAMPLE, here / "runbook.yaml")
    for host in HOSTS:
        (here / "live" / host).mkdir(parents=True)
        key, certificate = here / "live" / host / "tls.key", here / "live" / host / "tls.crt"
        made = f"openssl req -x509 -newkey rsa:2048 -nodes -days 3 -subj /CN={host} -keyout {key} -out {certificate}"
        subprocess.run(made.split(), check=True, capture_output=True, timeout=60)
    (here / "logs").mkdir()
    alert = "2026-11-28T01:00:00+00:00 [ALERT] certificate of web1 expires in 3 days\n"
    (here / "logs" / "monitoring.log").write_text(alert, encoding="utf-8")
    (here / "logdisk" / "archive").mkdir(parents=True)
    for number in range(10):
        (here / "logdisk" / "archive" / f"old-{number}.log.gz").write_bytes(b"x" * 1_048_576)


def incident(here: Path) -> Incident:
    return reduce(read(find(here / "logs", "latest").journal))


@contextmanager
def load_balancer(here: Path) -> Iterator[None]:
    """A load balancer that is ready once a first try has found that it is not."""
    left = threading.Event()

    def has_tried() -> bool:
        folders = list(here.glob("logs/incidents/*/journal.jsonl"))
        return left.is_set() or any(event.kind == EventKind.TRIED for path in folders for event in read(path))

    def get_ready() -> None:
        wait_for(has_tried)
        if not left.is_set():
            (here / "work" / "lb-ready").touch()

    thread = threading.Thread(target=get_ready)
    thread.start()
    try:
        yield
    finally:
        left.set()
        thread.join()
