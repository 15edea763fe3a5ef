"""Who got in how, in the last day and in the weeks before, counted in one pass and flat memory."""

from __future__ import annotations

import ipaddress
import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

from midwatch.system.units import counted, first_few
from probes.logs.access_events import AccessEntry, AccessEvent, AccessKind

DAY_S = 86400.0
_GUESSES, _GUESSED_WITHIN_S, _SUCCESS_WITHIN_S = 5, 600.0, 1800.0
_BUCKET_S = 600.0
_LIMIT = 50_000
"""Keys of each table; what comes beyond them is counted and not kept."""
_LOCAL = ("[local]", "the local socket", "127.0.0.1", "::1", "localhost")


class Role(NamedTuple):
    """One role or user at one server or host."""

    where: str
    name: str

    def __str__(self) -> str:
        return f"{self.name} at {self.where}"


class Way(NamedTuple):
    """How a role gets in."""

    role: Role
    network: str
    application: str


@dataclass(frozen=True, slots=True)
class Anomaly:
    """One finding, with what it is compared with. Its text is foreign."""

    kind: str
    """`never-seen`, `success-after-failures`, `superuser-elsewhere`, `odd-hours`, `burst`, `unlisted-dependent` or
    `unrecorded-change`."""
    moment: float
    text: str
    is_critical: bool = False

    def __str__(self) -> str:
        return f"{shown(self.moment)} {self.text}"


@dataclass(slots=True)
class _Rate:
    """Events in ten minutes: the most in history, and the most in the recent time; and in which hours they were."""

    bucket: int = 0
    count: int = 0
    is_recent: bool = False
    usual: int = 0
    most: int = 0
    at: float = 0.0
    hours: list[int] = field(default_factory=lambda: [0] * 24)
    """Events of the history in each hour of the day, UTC."""
    days: set[int] = field(default_factory=set)

    def begin(self, bucket: int, *, is_recent: bool) -> None:
        """Take in the ten minutes that have ended, and begin others."""
        if self.count and self.is_recent:
            if self.count > self.most:
                self.most, self.at = self.count, self.bucket * _BUCKET_S
        elif self.count:
            self.usual = max(self.usual, self.count)
            self.hours[int(self.bucket * _BUCKET_S // 3600) % 24] += self.count
            self.days.add(int(self.bucket * _BUCKET_S // DAY_S))
        self.bucket, self.count, self.is_recent = bucket, 0, is_recent

    def add(self, moment: float, count: int, *, is_recent: bool) -> None:
        """Count events of this moment."""
        bucket = int(moment // _BUCKET_S)
        if bucket != self.bucket:
            self.begin(bucket, is_recent=is_recent)
        self.count += count


@dataclass(slots=True)
class RoleLogins:
    """The logins of one role."""

    rate: _Rate = field(default_factory=_Rate)
    recent_hours: dict[int, tuple[float, str, str]] = field(default_factory=dict)
    """Moment, source and application of the first recent login in each hour of the day."""


@dataclass(slots=True, eq=False)
class WaySeen:
    """One way in."""

    way: Way
    logins: RoleLogins
    source: str
    is_known: bool = False
    """Whether the history has it."""
    first: float = math.inf
    """Its first recent login."""
    count: int = 0


@dataclass(slots=True)
class _Failures:
    first: float
    last: float
    count: int = 0
    roles: set[str] = field(default_factory=set)


@dataclass(slots=True)
class AccessProfile:
    """Takes in the events of all logs; the order between logs does not matter."""

    now: float
    recent_s: float
    history_s: float
    superusers: Callable[[str, str], bool]
    """Whether a role at a server or host is a superuser."""
    listed: Callable[[str, str, str], bool]
    """Whether an application at a source, such as `("arp-db-prod", "billing", "10.0.0.5")`, is a dependent."""
    is_excused: Callable[[float], bool]
    """Whether an incident was open at this moment."""
    is_allowed: Callable[[str], bool] = lambda source: False
    """Whether superusers may come from this source."""
    ways: dict[Way, WaySeen] = field(default_factory=dict)
    roles: dict[Role, RoleLogins] = field(default_factory=dict)
    first: dict[str, float] = field(default_factory=dict)
    """The first entry of each server or host in the history."""
    failed: dict[str, _Rate] = field(default_factory=lambda: defaultdict(_Rate))
    failures: dict[tuple[str, str], _Failures] = field(default_factory=dict)
    passwords: dict[Role, float] = field(default_factory=dict)
    guessed: dict[tuple[Role, str], Anomaly] = field(default_factory=dict)
    changes: dict[str, list[tuple[float, str, str]]] = field(default_factory=lambda: defaultdict(list))
    entries: int = 0
    left_out: int = 0
    """Entries for which there was no room any more."""

    def add_all(self, events: Iterable[AccessEvent], place: Callable[[str], str]) -> None:
        """Take in the events of one log; `place` names the server or host of an entry by its own `target`."""
        oldest, recent_from = self.now - self.history_s, self.now - self.recent_s
        known: dict[AccessEntry, WaySeen] = {}
        for moment, entry in events:
            if moment < oldest:
                continue
            self.entries += 1
            seen = known.get(entry)
            if seen is None:
                if len(known) >= _LIMIT:
                    known.clear()
                role = Role(place(entry.target), entry.role)
                seen = known[entry] = self._seen(Way(role, network(entry.source), plain_name(entry.application)), entry)
                if moment < recent_from:  # the first of a log is as old as its history
                    self.first[role.where] = min(moment, self.first.get(role.where, self.now))
            is_recent = moment >= recent_from
            if entry.kind is AccessKind.LOGIN:
                seen.logins.rate.add(moment, entry.count, is_recent=is_recent)
                if is_recent:
                    self._recent(seen, moment, entry)
                else:
                    seen.is_known = True
                if self.failures:
                    self._after_failures(seen.way.role, moment, entry, is_recent=is_recent)
            elif entry.kind is AccessKind.FAILED:
                self._failure(seen.way.role, moment, entry, is_recent=is_recent)
            else:
                self._change(seen.way.role, moment, entry, is_recent=is_recent)

    def _seen(self, way: Way, entry: AccessEntry) -> WaySeen:
        """What is known of this way; a failed login or a change is none, and is not kept."""
        seen = self.ways.get(way)
        if seen is None:
            logins = self.roles.get(way.role) or RoleLogins()
            seen = WaySeen(way, logins, entry.source)
            if entry.kind is AccessKind.LOGIN:
                if len(self.ways) < _LIMIT:
                    self.ways[way], self.roles[way.role] = seen, logins
                else:
                    self.left_out += 1
        return seen

    def _recent(self, seen: WaySeen, moment: float, entry: AccessEntry) -> None:
        seen.count += entry.count
        if moment < seen.first:
            seen.first, seen.source = moment, entry.source
        hour = int(moment // 3600) % 24
        if hour not in seen.logins.recent_hours:
            seen.logins.recent_hours[hour] = (moment, entry.source, entry.application)

    def _after_failures(self, role: Role, moment: float, entry: AccessEntry, *, is_recent: bool) -> None:
        for key in ((str(role), entry.source), (role.where, entry.source)):
            failures = self.failures.get(key)
            if failures is None or entry.source == "?":
                continue
            if moment - failures.last > _SUCCESS_WITHIN_S or moment < failures.first:
                continue
            enough = _GUESSES if key[0] == str(role) else 2 * _GUESSES
            if failures.count >= enough and is_recent and (role, entry.source) not in self.guessed:
                tried = f" for {first_few(sorted(failures.roles), 5)}" if len(failures.roles) > 1 else ""
                text = (
                    f"{role} logged in from {entry.source} after {counted(failures.count, 'failed login')}{tried} from "
                    f"there since {shown(failures.first)}: a password may have been guessed"
                )
                self.guessed[role, entry.source] = Anomaly("success-after-failures", moment, text, True)
            if key[0] == str(role):
                del self.failures[key]

    def _failure(self, role: Role, moment: float, entry: AccessEntry, *, is_recent: bool) -> None:
        for key in ((str(role), entry.source), (role.where, entry.source)):
            failures = self.failures.get(key)
            if failures is None or moment - failures.last > _GUESSED_WITHIN_S:
                if len(self.failures) >= _LIMIT:
                    self.failures.clear()
                failures = self.failures[key] = _Failures(moment, moment)
            failures.last = moment
            failures.count += entry.count
            if len(failures.roles) < 20:
                failures.roles.add(role.name)
        if len(self.failed) < _LIMIT:
            self.failed[f"failed logins of {role}"].add(moment, entry.count, is_recent=is_recent)
            if entry.source != "?":
                self.failed[f"failed logins from {entry.source} at {role.where}"].add(
                    moment, entry.count, is_recent=is_recent
                )

    def _change(self, role: Role, moment: float, entry: AccessEntry, *, is_recent: bool) -> None:
        if entry.kind is AccessKind.PASSWORD:
            changed = role if entry.target or not entry.text.startswith("password of") else Role("", role.name)
            self.passwords[changed] = max(moment, self.passwords.get(changed, 0.0))
            if not entry.text.startswith("password of"):
                return  # the statement itself is an entry of its own
        if is_recent and not entry.is_ours and not self.is_excused(moment):
            changes = self.changes[role.where]
            if len(changes) < 1000:
                actor = "" if entry.kind is AccessKind.PASSWORD or entry.role in ("", "?") else entry.role
                changes.append((moment, entry.text, actor))


@lru_cache(maxsize=_LIMIT)
def network(source: str) -> str:
    """The network of a source: /24 or /64; `local` for this machine; a name as it is."""
    if source in _LOCAL:
        return "local"
    try:
        address = ipaddress.ip_address(source.partition("%")[0])
    except ValueError:
        return source.lower()
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if address.is_loopback:
        return "local"
    return str(ipaddress.ip_network(f"{address}/{24 if address.version == 4 else 64}", strict=False))


@lru_cache(maxsize=_LIMIT)
def plain_name(application: str) -> str:
    """The name of an application without what changes with each start: numbers, process ids, digests."""
    return re.sub(r"[\s:/._#-]*(?:\b[0-9a-f]*\d[0-9a-f.]*\b|\d+)", "", application[:64]).strip().lower()


def shown(moment: float) -> str:
    """A moment for people: `2026-11-23 02:14 UTC`."""
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M UTC}"
