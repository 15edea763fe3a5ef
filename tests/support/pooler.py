"""A PgBouncer of a test's own before a real server, with the settings that Debian's package has."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

from drill.servers.clusters import free_ports
from tests.support.postgres import Server
from tests.support.waiting import wait_for

PROGRAM = "/usr/sbin/pgbouncer"


@contextlib.contextmanager
def pooler(folder: Path, server: Server, users: dict[str, str], **settings: str) -> Iterator[int]:
    """Its port. `folder` is one that the servers' user can reach; `users` are those that it lets in, with passwords."""
    port, identity = free_ports(1)[0], server.engine.identity
    given = {
        "listen_addr": "127.0.0.1",
        "listen_port": str(port),
        "unix_socket_dir": "",
        "auth_type": "scram-sha-256",
        "auth_file": str(folder / "users"),
        **settings,
    }
    (folder / "users").write_text("".join(f'"{name}" "{password}"\n' for name, password in users.items()))
    lines = ["[databases]", f"* = host=127.0.0.1 port={server.port}", "[pgbouncer]"]
    (folder / "ini").write_text("\n".join([*lines, *(f"{name} = {value}" for name, value in given.items())]) + "\n")
    for file in ("users", "ini"):
        os.chown(folder / file, identity.uid, identity.gid)
        (folder / file).chmod(0o600)
    who = {"user": identity.uid, "group": identity.gid, "extra_groups": []} if identity.switch else {}
    process = subprocess.Popen(
        [PROGRAM, "-q", str(folder / "ini")],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        **who,  # type: ignore[call-overload]
    )
    try:
        wait_for(lambda: _listens(port))
        yield port
    finally:
        process.kill()
        process.wait(timeout=60)


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False
