"""What the night left in the logs: the plan's own lines, and around them what such a house writes on any other day.

The story: in the afternoon a rotation job changed ARP's password and could not store the new one. At 02:00 the nightly
job could not log in, found the volume nearly full, and stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from drill.scenarios import Scenario
from midwatch.system.clock import to_rfc3339
from midwatch.system.units import size

Line = tuple[datetime, str]


@dataclass(frozen=True, slots=True)
class Night:
    """One nightly set, as the log tells of it."""

    at: datetime
    name: str
    sizes: tuple[tuple[str, int], ...]
    """Database and bytes of each backup."""


def write_logs(folder: Path, nights: Sequence[Night], failed: datetime, scenario: Scenario) -> None:
    """Write every log below the production's folder. `failed` is when last night's run began."""
    logs, security = folder / "logs", folder / "security"
    for made in (logs, security):
        made.mkdir(exist_ok=True)
    broken = scenario.password_lost or scenario.percent >= 95
    _write(logs / "backup.log", [*_good_nights(nights), *(_failed_night(failed, scenario) if broken else [])])
    _write(logs / "emergency-backup.log", _rehearsal(failed - timedelta(days=33)))
    _write(logs / "ci.log", _pipeline(failed, broken))
    _write(logs / "monitoring.log", _monitoring(failed, scenario))
    _write(security / "access-audit.log", _audit(failed, scenario), to_rfc3339)


def _short(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%SZ}"


def _write(path: Path, lines: Iterable[Line], shown: Callable[[datetime], str] = _short) -> None:
    text = "".join(f"{shown(at)} {line}\n" for at, line in sorted(lines, key=lambda line: line[0]))
    path.write_text(text, encoding="utf-8")
    path.chmod(0o640)


def _good_nights(nights: Sequence[Night]) -> list[Line]:
    lines: list[Line] = []
    for night in nights:
        at = night.at
        lines.append((at, "[INFO] PROD nightly backup started"))
        for database, count in night.sizes:
            at += timedelta(seconds=41)
            lines.append((at, f"[OK] Backup saved: backups/prod/{night.name}/{database} ({size(count)})"))
        lines.append((at + timedelta(seconds=6), f"[OK] PROD nightly backup finished: {len(night.sizes)} databases"))
    return lines


def _failed_night(failed: datetime, scenario: Scenario) -> list[Line]:
    at = failed + timedelta(seconds=1)
    lines = [(failed, "[INFO] PROD nightly backup started")]
    if scenario.password_lost:
        lines.append((at + timedelta(seconds=5), "[ERROR] Unable to connect to arp-db-prod: authentication failed"))
    if scenario.percent >= 95:
        lines.append((at + timedelta(seconds=6), f"[ERROR] Disk usage at {scenario.percent:.0f}% – unsafe for backup"))
    lines.append((at + timedelta(seconds=7), "[FAILURE] PROD nightly backup stopped"))
    return lines


def _rehearsal(at: datetime) -> list[Line]:
    return [
        (at, "[INFO] Rehearsal of the emergency backup, quarterly"),
        (at + timedelta(seconds=58), f"[OK] Backup saved: emergency-backup/arp-prod-{at:%Y%m%d-%H%M%S}.sql.gz"),
        (at + timedelta(minutes=9), "[INFO] Rehearsal finished; its backup was removed"),
    ]


def _pipeline(failed: datetime, broken: bool) -> list[Line]:
    lines: list[Line] = []
    for day in range(6, 0, -1):
        at = failed - timedelta(days=day) + timedelta(hours=9, minutes=12 + day)
        lines.append((at, f"[INFO] pipeline backend #{4810 - day}: passed in {6 + day % 3} min"))
        lines.append((at + timedelta(hours=4), f"[INFO] pipeline migrations #{912 - day}: dry run passed"))
    if broken:
        at = failed + timedelta(seconds=52)
        lines.append(
            (at, "[FAILURE] CI/CD pipeline nightly-backup #339 failed: job 'prod-backup' ended with exit code 1")
        )
        lines.append((at + timedelta(seconds=3), "[INFO] notification sent to the channel of the on-call engineer"))
    return lines


def _monitoring(failed: datetime, scenario: Scenario) -> list[Line]:
    lines: list[Line] = []
    for hour in range(30, 0, -2):
        percent = scenario.percent - hour * 0.3
        word = "WARNING" if percent >= 80 else "INFO"
        lines.append(
            (failed - timedelta(hours=hour), f"[{word}] disk_usage host=bastion path=/backups value={percent:.0f}%")
        )
    if scenario.percent >= 95:
        full = f"[ALERT] disk_usage host=bastion path=/backups value={scenario.percent:.0f}% threshold=95% state=firing"
        lines.append((failed - timedelta(minutes=4), full))
    if scenario.password_lost:
        down = "[ALERT] backup_age database=arp state=firing: no backup since yesterday"
        lines.append((failed + timedelta(minutes=2), down))
    return lines


def _audit(failed: datetime, scenario: Scenario) -> list[Line]:
    """As `actions.support.audit` writes it: who, what, and the facts."""
    job = "nightly-backup@bastion"
    lines: list[Line] = []
    for day in range(13, 0, -1):
        at = failed - timedelta(days=day)
        for name, shift in (("otc", 2), ("gps", 44), ("arp", 86)):
            lines.append(
                (
                    at + timedelta(seconds=shift),
                    f"{job} login.ok user={name}_app target={name}-db-prod source=10.20.0.15",
                )
            )
        at += timedelta(hours=6 + day % 4, minutes=day * 3)
        lines.append((at, "dmeier@desk31 login.ok user=dba_meier target=gps-db-prod source=10.20.4.31"))
    at = failed - timedelta(days=5, hours=3)
    lines.append(
        (at, "dmeier@desk31 login.failed user=dba_meier target=otc-db-prod source=10.20.4.31 reason=wrong_password")
    )
    if scenario.password_lost:
        turned = failed - timedelta(hours=9, minutes=18)
        about = "user=arp_app target=arp-db-prod source=10.20.0.40 ticket=CHG-20418"
        lines += [
            (turned, f"svc-rotation@vault rotation.started {about}"),
            (turned + timedelta(seconds=2), f"svc-rotation@vault rotation.password_changed {about}"),
            (
                turned + timedelta(seconds=33),
                f"svc-rotation@vault rotation.failed {about} reason=secret_store_did_not_answer",
            ),
        ]
        refused = "login.failed user=arp_app target=arp-db-prod"
        for minutes in (31, 62, 93, 240, 487):
            text = f"arp-batch@app22 {refused} source=10.20.0.22 reason=wrong_password"
            lines.append((turned + timedelta(minutes=minutes), text))
        lines.append((failed + timedelta(seconds=6), f"{job} {refused} source=10.20.0.15 reason=wrong_password"))
    return lines
