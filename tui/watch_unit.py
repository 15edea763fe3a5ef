"""The systemd unit of a watcher: unprivileged, and able to write to its own folder only."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from midwatch.runbook.model import Runbook

_UNIT = """\
# As /etc/systemd/system/midwatch-watch.service; then: systemctl enable --now midwatch-watch
[Unit]
Description=Midwatch watches the triggers of {id}
After=network-online.target
Wants=network-online.target

[Service]
Type=exec
ExecStart={command}
User={user}
Restart=always
RestartSec=10
UMask=0027
ReadWritePaths={writable}
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
ProtectSystem=strict
ProtectHome=read-only
PrivateTmp=yes
PrivateDevices=yes
ProtectClock=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectControlGroups=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
LockPersonality=yes
RemoveIPC=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
MemoryMax=512M
TasksMax=256

[Install]
WantedBy=multi-user.target
"""


def watch_unit(runbook: Runbook, *, declares: bool) -> str:
    """The unit for this runbook; with `declares`, of a watcher that declares as the incidents' owner."""
    words = command_line(runbook, "watch", str(runbook.file.absolute()))
    words += ["--declare"] if declares else []
    places = [runbook.location_of("watch"), *([runbook.location_of("logs")] if declares else [])]
    return _UNIT.format(
        id=runbook.id,
        command=" ".join(quoted(word) for word in words),
        user=Path.home().owner() if declares else "midwatch-watch",
        writable=" ".join(quoted(str(place)) for place in places),
    )


def command_line(runbook: Runbook, *words: str) -> list[str]:
    """A command line of Midwatch with the site file of this runbook, whatever folder it is run in."""
    beside = Path(sys.executable).with_name("midwatch")
    program = str(beside) if beside.exists() else shutil.which("midwatch")
    site = ["--site", str(runbook.site.absolute())] if runbook.site else []
    return [*([program] if program else [sys.executable, "-m", "midwatch"]), *words, *site]


def quoted(word: str) -> str:
    """A word as systemd reads it: `%` begins a specifier, `$` a variable."""
    safe = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{safe}"' if safe != word or " " in word else word
