"""The emergency backup beside the shell lines that it replaces: `python -m bench.emergency_backup`.

On one PostgreSQL 15 in a container; needs root and a Docker engine. Every figure is measured here and now, each way
`ROUNDS` times in turn, the fastest one counts. `midwatch` counts from its start to the published file; of that, what
its own summary calls the dump is given too, since the rest is the same for any size. *Depth 4* is read through
`pg_restore` while it is written, and so is *encrypted*. Peers: `pg_dump > /dev/null` (the limit), `pg_dump | gzip` over
the same socket, and `docker exec … pg_dump | gzip`.
"""

from __future__ import annotations

import os
import re
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from drill.servers.clusters import free_ports
from drill.servers.image import ensure
from probes.postgres.embedded import engine_for

ROWS = 3_800_000
"""Of the larger database: about 350 MB as plain SQL, as in the measurements that this follows."""
ROUNDS = 3
READ = ("--validate", "true")
USER, BASE = "arp_admin", "arp"
FILL = """
CREATE TABLE {table} (id bigint PRIMARY KEY, customer text, reference text, amount numeric(12,2), booked timestamptz);
INSERT INTO {table} SELECT n, 'customer ' || n % 9973, md5(n::text), (n::bigint * 7919 % 1000000) / 100.0,
  timestamptz '2026-01-01' + n * interval '7 seconds' FROM generate_series(1, {rows}) n;
"""
RUNBOOK = """\
midwatch: 1
id: bench
title: Bench
severity: SEV-3
locations: {{emergency: saved, pgpass: {pgpass}, pg_bin: {bin}}}
targets:
  arp: {{kind: docker, container: {container}, database: {base}, port: {port}, superuser: {user}{socket}}}
phases: [{{title: One, section: "1", steps: [{{id: one, title: One}}]}}]
"""


@dataclass(frozen=True)
class Measured:
    """One way to get a dump."""

    seconds: float
    bytes: int
    memory: int
    """MiB at the peak of its largest process."""
    stream: float = 0.0
    """Seconds of the dump alone, by its own summary."""


@dataclass(frozen=True)
class Scene:
    """The container, and where the bench works."""

    container: str
    port: int
    folder: Path
    socket: str
    bin: Path

    def pg_dump(self, *options: str) -> list[str]:
        """The same program that the backup takes, over the same socket."""
        return [str(self.bin / "pg_dump"), "-h", self.socket, "-p", str(self.port), "-U", USER, *options, BASE]

    def sql(self, *statements: str) -> str:
        """Run them one by one as the superuser, over the socket. The answer of the last one."""
        argv = [str(self.bin / "psql"), "-qAt", "-h", self.socket, "-p", str(self.port), "-U", USER, "-d", BASE]
        argv += ["-v", "ON_ERROR_STOP=1", "-c", "SET client_min_messages=warning"]
        argv += [word for statement in statements for word in ("-c", statement)]
        return subprocess.run(argv, check=True, capture_output=True, text=True).stdout.strip()

    def runbook(self, route: str, password: str) -> Path:
        """A folder whose runbook leaves this route as the fastest one open."""
        place = self.folder / route
        place.mkdir(exist_ok=True)
        given = password if route == "tcp" else "rotated-since"
        (place / "pgpass").write_text(f"127.0.0.1:{self.port}:*:{USER}:{given}\n")
        (place / "pgpass").chmod(0o600)
        socket = "" if route == "socket" else ", socket: /nowhere"
        text = RUNBOOK.format(
            pgpass="pgpass", bin=self.bin, container=self.container, base=BASE, port=self.port, user=USER, socket=socket
        )
        (place / "runbook.yaml").write_text(text)
        return place


def measured(shell: str, *, into: Path | None = None) -> Measured:
    """A shell line under `pipefail`; what it wrote into `into` counts as its size."""
    began = time.perf_counter()
    process = subprocess.Popen(["bash", "-o", "pipefail", "-c", shell])
    _, status, usage = os.wait4(process.pid, 0)
    took = time.perf_counter() - began
    if status:
        raise SystemExit(f"failed: {shell}")
    return Measured(took, into.stat().st_size if into else 0, usage.ru_maxrss // 1024)


def backup(place: Path, *options: str) -> Measured:
    """`midwatch action emergency-backup`, from the start of Python to the published file."""
    for old in (place / "saved").glob("*"):
        old.unlink()
    command = Path(sys.executable).with_name("midwatch")
    began = time.perf_counter()
    process = subprocess.Popen(
        [command, "action", "emergency-backup", "--target", "arp", "--yes", *options],
        cwd=place,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": ""},  # an installed package has its bytecode
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert process.stdout is not None
    said = process.stdout.read().decode()
    _, status, usage = os.wait4(process.pid, 0)
    took = time.perf_counter() - began
    if status:
        raise SystemExit(said)
    alone = re.findall(r" in ([\d.]+) s, ", said)
    saved = next(file for file in (place / "saved").iterdir() if file.suffix in (".gz", ".age"))
    return Measured(took, saved.stat().st_size, usage.ru_maxrss // 1024, float(alone[-1]))


@contextmanager
def scene(folder: Path, password: str) -> Iterator[Scene]:
    """A server in a container, filled; gone afterwards."""
    image, (port,), name = ensure(print), free_ports(1), f"midwatch-bench-{os.getpid()}"
    settings = {"PGPORT": str(port), "POSTGRES_USER": USER, "POSTGRES_DB": BASE, "POSTGRES_PASSWORD": password}
    argv = ["docker", "run", "-d", "--name", name, "--network", "host"]
    argv += [word for key, value in settings.items() for word in ("-e", f"{key}={value}")]
    subprocess.run(
        [*argv, image, "-c", "shared_buffers=256MB", "-c", "fsync=off"], check=True, stdout=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 60
        while subprocess.run(["docker", "exec", name, "pg_isready", "-q", "-p", str(port)], check=False).returncode:
            if time.monotonic() > deadline:
                raise SystemExit("the server does not come up")
            time.sleep(0.2)
        pid = subprocess.run(
            ["docker", "inspect", "-f", "{{.State.Pid}}", name], check=True, capture_output=True, text=True
        ).stdout.strip()
        yield Scene(name, port, folder, f"/proc/{pid}/root/run/postgresql", engine_for(folder).bin)
    finally:
        subprocess.run(["docker", "rm", "-f", "-v", name], check=True, stdout=subprocess.DEVNULL)


def fill(there: Scene, rows: int) -> None:
    there.sql(
        "DROP TABLE IF EXISTS orders, ledger",
        *(FILL.format(table=table, rows=count) for table, count in (("orders", rows * 3 // 4), ("ledger", rows // 4))),
        "VACUUM ANALYZE",
        "CHECKPOINT",
    )


def is_possible() -> bool:
    """Whether this machine can run a server in a container; says so when it cannot."""
    possible = os.geteuid() == 0 and not subprocess.run(["docker", "info"], check=False, capture_output=True).returncode
    if not possible:
        print("left out: this one needs root and a Docker engine")
    return possible


def main() -> None:
    if not is_possible():
        return
    password = secrets.token_urlsafe(16)
    with tempfile.TemporaryDirectory() as scratch, scene(Path(scratch), password) as there:
        fill(there, ROWS // 10)
        small = backup(there.runbook("socket", password))
        fill(there, ROWS)
        best = fastest(_ways(there, password))
        small_memory, large_memory = small.memory, best["midwatch, host's socket"].memory
        for name, found in best.items():
            size = f"{found.bytes / 1e6:6.0f} MB" if found.bytes else "         "
            alone = f"  {found.stream:.1f} s of it the dump" if found.stream else ""
            print(f"{name:34}{found.seconds:7.2f} s {size} {found.memory:5} MiB{alone}", flush=True)
        _ratios(best)
        print(
            f"memory for ten times the data: {large_memory / small_memory:.2f} times ({small_memory} → "
            f"{large_memory} MiB)"
        )


def _ways(there: Scene, password: str) -> dict[str, Callable[[], Measured]]:
    from pyrage import x25519  # type: ignore[import-untyped]

    recipient = str(x25519.Identity.generate().to_public())
    out = there.folder / "out.gz"
    plain = " ".join(there.pg_dump())
    inside = f"docker exec {there.container} pg_dump -p {there.port} -U {USER} {BASE}"
    return {
        "pg_dump > /dev/null": lambda: measured(f"{plain} > /dev/null"),
        "pg_dump | gzip": lambda: measured(f"{plain} | gzip > {out}", into=out),
        "docker exec pg_dump | gzip": lambda: measured(f"{inside} | gzip > {out}", into=out),
        "midwatch, host's socket": lambda: backup(there.runbook("socket", password)),
        "midwatch, TCP": lambda: backup(there.runbook("tcp", password)),
        "midwatch, exec": lambda: backup(there.runbook("exec", password)),
        "midwatch, socket, depth 4": lambda: backup(there.runbook("socket", password), *READ),
        "midwatch, TCP, depth 4": lambda: backup(there.runbook("tcp", password), *READ),
        "midwatch, TCP, encrypted": lambda: backup(there.runbook("tcp", password), "--encrypt-to", recipient),
    }


def fastest(ways: dict[str, Callable[[], Measured]]) -> dict[str, Measured]:
    """Each way in turn, so that a busy moment of the machine does not hit one alone; the fastest of each counts."""
    rounds = [{name: way() for name, way in ways.items()} for _ in range(ROUNDS)]
    return {name: min((one[name] for one in rounds), key=lambda found: found.seconds) for name in ways}


def _ratios(best: dict[str, Measured]) -> None:
    limit, piped, inside = best["pg_dump > /dev/null"], best["pg_dump | gzip"], best["docker exec pg_dump | gzip"]
    for name in (name for name in best if name.startswith("midwatch") and name != "midwatch, exec"):
        ours = best[name]
        print(
            f"{name}: {piped.seconds / ours.seconds:.2f} times the speed of pg_dump | gzip,"
            f" {ours.bytes / piped.bytes:.2f} of its size, {ours.seconds / limit.seconds:.2f} of the limit's time"
        )
    print(
        f"midwatch, exec: {inside.seconds / best['midwatch, exec'].seconds:.2f} times the speed of docker exec | gzip"
    )


if __name__ == "__main__":
    main()
