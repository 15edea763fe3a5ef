"""The systemd unit of a watcher: unprivileged, and able to write to its own folder only."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path

from midwatch.runbook.model import Runbook

WATCH_USER = "midwatch-watch"
SYSUSERS = f"""\
# The user of the watchers: reads the logs of the system, and owns the folders of requests. Then: systemd-sysusers
u {WATCH_USER} - "Midwatch watcher" / -
m {WATCH_USER} adm
m {WATCH_USER} systemd-journal
"""
"""A file of `sysusers.d`."""
_BEFORE = """\
# Before that, once: the user (systemd-sysusers, with the file that `midwatch schedule print` shows), and its folder:
#   {command}
"""
_UNIT = """\
# As /etc/systemd/system/{name}; then: systemctl enable --now {name}
{before}[Unit]
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


def watch_unit_name(runbook: Runbook) -> str:
    """The name of the unit: each runbook has a watcher of its own."""
    return f"midwatch-{runbook.id}-watch.service"


def make_folder(runbook: Runbook) -> str:
    """The command by which root makes the watcher's folder, once."""
    folder = runbook.location_of("watch")
    command = f"install -d -m 2750 -o {WATCH_USER} -g {WATCH_USER} {shlex.quote(str(folder))}"
    if folder.parent.exists():
        return command
    owner = runbook.file.stat()  # else root would own the folder of incidents
    return f"install -d -o {owner.st_uid} -g {owner.st_gid} {shlex.quote(str(folder.parent))} && {command}"


def watch_unit(runbook: Runbook, *, declares: bool) -> str:
    """The unit for this runbook; with `declares`, of a watcher that declares as the incidents' owner."""
    words = command_line(runbook, "watch", str(runbook.file.absolute()))
    words += ["--declare"] if declares else []
    places = [runbook.location_of("watch"), *([runbook.location_of("logs")] if declares else [])]
    return _UNIT.format(
        id=runbook.id,
        command=" ".join(quoted(word) for word in words),
        user=Path.home().owner() if declares else WATCH_USER,
        name=watch_unit_name(runbook),
        before="" if declares else _BEFORE.format(command=make_folder(runbook)),
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
