"""Speed and memory of `access-anomaly` over a large log of each format, beside a loop that only splits it into lines.

Run: `python -m bench.access_log [MEGABYTES]`. A file of 25 MB is read as often as that takes, by one profile: what
counts is the rate, and that the memory stays what it was after the first pass.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from probes.logs.access_events import AccessEvent, audit_events, server_events
from probes.logs.access_findings import AccessFindings
from probes.logs.access_profile import DAY_S, AccessProfile
from probes.logs.fast_time import Moments
from probes.logs.log_pass import whole_lines
from probes.logs.rotated_log import Coverage

FILE_BYTES = 25_000_000
NOW = datetime.now(UTC)
Reader = Callable[[Iterable[bytes], Moments], Iterator[AccessEvent]]


def audit(when: datetime, user: str, source: str, number: int) -> str:
    """The access audit log: words and pairs."""
    return f"{when:%Y-%m-%d %H:%M:%S} LOGIN ok user={user} target=arp-db-prod source={source} app=billing pid={number}"


def sshd(when: datetime, user: str, source: str, number: int) -> str:
    """`auth.log` in the traditional form."""
    return (
        f"{when:%b %d %H:%M:%S} bastion sshd[{number}]: Accepted publickey for {user} from {source} port {number} ssh2"
    )


def audit_json(when: datetime, user: str, source: str, number: int) -> str:
    """An audit log of JSON with an identifier for each request."""
    words = {"event": "login", "outcome": "success", "user": user, "src_ip": source, "request_id": f"{number:032x}"}
    return json.dumps({"time": f"{when:%Y-%m-%dT%H:%M:%SZ}", **words})


def journal(when: datetime, user: str, source: str, number: int) -> str:
    """The systemd journal as `journalctl -o json` prints it with the fields that the check asks for."""
    fields = {"__CURSOR": f"s=6a1c;i={number:x};b=9d2a;m=8f;t=5fb;x=1", "_BOOT_ID": "9d2ad4e6a1f94c7b8b8f4f5b1c2d3e4f"}
    fields |= {"__REALTIME_TIMESTAMP": f"{when.timestamp():.0f}123456", "__MONOTONIC_TIMESTAMP": f"{number}154631"}
    fields |= {"_HOSTNAME": "bastion", "SYSLOG_IDENTIFIER": "sshd", "_PID": str(number), "_EXE": "/usr/sbin/sshd"}
    return json.dumps(fields | {"MESSAGE": f"Accepted publickey for {user} from {source} port {number} ssh2"})


def stderr(when: datetime, user: str, source: str, number: int) -> str:
    """PostgreSQL's own format."""
    begin = f"{when:%Y-%m-%d %H:%M:%S}.123 UTC [{number}] "
    return (
        f"{begin}LOG:  connection received: host={source} port=4711\n"
        f"{begin}{user}@arp LOG:  connection authorized: user={user} database=arp application_name=billing\n"
        f"{begin}{user}@arp LOG:  disconnection: session time: 0:00:01.2 user={user} database=arp host={source}"
    )


def csvlog(when: datetime, user: str, source: str, number: int) -> str:
    """PostgreSQL's table."""
    message = f"connection authorized: user={user} database=arp application_name=billing"
    begin = f'{when:%Y-%m-%d %H:%M:%S}.123 UTC,"{user}","arp",{number},"{source}:4711",6.1,2,"authentication"'
    return f'{begin},{when:%Y-%m-%d %H:%M:%S} UTC,3/2,0,LOG,00000,"{message}",,,,,,,,,"","client backend",,0'


def jsonlog(when: datetime, user: str, source: str, number: int) -> str:
    """PostgreSQL's JSON."""
    message = f"connection authorized: user={user} database=arp application_name=billing"
    words = {"timestamp": f"{when:%Y-%m-%d %H:%M:%S}.123 UTC", "user": user, "dbname": "arp", "pid": number}
    more = {"remote_host": source, "remote_port": 4711, "error_severity": "LOG", "message": message}
    return json.dumps({**words, **more, "backend_type": "client backend"}, separators=(",", ":"))


FORMATS: tuple[tuple[Callable[[datetime, str, str, int], str], Reader], ...] = (
    (audit, lambda lines, moments: audit_events(lines, moments, [])),
    (sshd, lambda lines, moments: audit_events(lines, moments, [])),
    (audit_json, lambda lines, moments: audit_events(lines, moments, [])),
    (journal, lambda lines, moments: audit_events(lines, moments, [])),
    (stderr, server_events),
    (csvlog, server_events),
    (jsonlog, server_events),
)


def write(path: Path, line: Callable[[datetime, str, str, int], str]) -> None:
    """A month of logins by five roles from forty addresses each."""
    chosen, written = random.Random(1), 0
    length = len(line(NOW, "arp_app", "10.0.0.100", 12345)) + 1
    with path.open("w") as file:
        while written < FILE_BYTES:
            when = NOW - timedelta(days=30) * (1 - written / FILE_BYTES)
            user = chosen.choice(("arp_app", "otc_app", "gps_app", "ada", "bob"))
            file.write(line(when, user, f"10.0.{len(user)}.{chosen.randrange(1, 41)}", chosen.randrange(1000, 99999)))
            file.write("\n")
            written += length


def resident_mb() -> float:
    """Memory of this process now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


def main() -> None:
    """Print a line for each format."""
    passes = max(2, round(float(sys.argv[1] if len(sys.argv) > 1 else 200) * 1e6 / FILE_BYTES))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log"
        for line, reader in FORMATS:
            write(path, line)
            began = time.process_time()
            count = sum(1 for _ in whole_lines(path, Coverage()))
            bare = time.process_time() - began
            profile = AccessProfile(
                NOW.timestamp(), DAY_S, 31 * DAY_S, lambda *_: False, lambda *_: False, lambda _: False
            )
            sizes, began = [], time.process_time()
            for _ in range(passes):
                profile.add_all(reader(whole_lines(path, Coverage()), Moments(NOW)), lambda target: target)
                sizes.append(resident_mb())
            AccessFindings(profile).all()
            spent = (time.process_time() - began) / passes
            size = path.stat().st_size / 1e6
            print(
                f"{line.__name__:11} {size / spent:5.1f} MB/s, {count / spent:9,.0f} lines/s; lines alone take 1/"
                f"{spent / bare:.0f} of that; memory {sizes[0]:.0f} MB after {size:.0f} MB, {sizes[-1]:.0f} MB after "
                f"{size * passes:,.0f} MB",
                flush=True,
            )


if __name__ == "__main__":
    main()
