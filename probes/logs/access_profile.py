"""What of the last day's accesses is out of the ordinary, against the weeks before, in flat memory."""

from __future__ import annotations

import ipaddress
import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

from midwatch.system.units import counted, first_few
from probes.logs.access_events import AccessEntry, AccessEvent, AccessKind

DAY_S = 86400.0
_FEWEST_DAYS = 7
"""Days of history without which nothing counts as new."""
_HOUR_DAYS, _HOUR_LOGINS = 10, 20
"""Days with a login, and logins, without which a role has no usual hours."""
_GUESSES, _GUESSED_WITHIN_S, _SUCCESS_WITHIN_S = 5, 600.0, 1800.0
_BUCKET_S = 600.0
_BURST_LOGINS, _BURST_FAILURES, _BURST_FACTOR = 30, 20, 3
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
        return f"{_shown(self.moment)} {self.text}"


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
class _Logins:
    """The logins of one role."""

    rate: _Rate = field(default_factory=_Rate)
    recent_hours: dict[int, tuple[float, str, str]] = field(default_factory=dict)
    """Moment, source and application of the first recent login in each hour of the day."""


@dataclass(slots=True, eq=False)
class _Seen:
    """One way in."""

    way: Way
    logins: _Logins
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
    """Takes in events of any order between logs, and gives the findings at the end."""

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
    ways: dict[Way, _Seen] = field(default_factory=dict)
    roles: dict[Role, _Logins] = field(default_factory=dict)
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
        known: dict[AccessEntry, _Seen] = {}
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

    def _seen(self, way: Way, entry: AccessEntry) -> _Seen:
        """What is known of this way; a failed login or a change is none, and is not kept."""
        seen = self.ways.get(way)
        if seen is None:
            logins = self.roles.get(way.role) or _Logins()
            seen = _Seen(way, logins, entry.source)
            if entry.kind is AccessKind.LOGIN:
                if len(self.ways) < _LIMIT:
                    self.ways[way], self.roles[way.role] = seen, logins
                else:
                    self.left_out += 1
        return seen

    def _recent(self, seen: _Seen, moment: float, entry: AccessEntry) -> None:
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
                    f"there since {_shown(failures.first)}: a password may have been guessed"
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

    def findings(self) -> list[Anomaly]:
        """All findings, the critical ones first, then by time."""
        for rate in (*self.failed.values(), *(logins.rate for logins in self.roles.values())):
            rate.begin(0, is_recent=False)
        found = [*self._elsewhere(), *self._never_seen(), *self.guessed.values(), *self._odd_hours()]
        found += [*self._bursts(), *self._unlisted(), *self._unrecorded()]
        return sorted(found, key=lambda anomaly: (not anomaly.is_critical, anomaly.moment))

    def short_histories(self) -> dict[str, float]:
        """Servers and hosts whose history is too short for anything to be new there, with its days."""
        spans = {seen.way.role.where: 0.0 for seen in self.ways.values() if seen.count}
        spans |= {where: (self.now - first) / DAY_S for where, first in self.first.items()}
        return {where: days for where, days in spans.items() if days < _FEWEST_DAYS}

    def _recent_ways(self) -> list[tuple[Way, _Seen]]:
        return [(way, seen) for way, seen in self.ways.items() if seen.count]

    def _known_ways(self, role: Role) -> list[Way]:
        return [way for way, seen in self.ways.items() if seen.is_known and way.role == role]

    def _elsewhere(self) -> Iterator[Anomaly]:
        for way, seen in self._recent_ways():
            if (
                way.network == "local"
                or not self.superusers(*way.role)
                or seen.source == "?"
                or self.is_allowed(seen.source)
            ):
                continue
            usual = sorted({known.network for known in self._known_ways(way.role)})
            if way.network in usual:
                continue
            before = f"before only from {first_few(usual)}" if usual else "before never over the network"
            text = f"the superuser {way.role} logged in from {seen.source}{_by(way.application)}; {before}"
            yield Anomaly("superuser-elsewhere", seen.first, text, True)

    def _never_seen(self) -> Iterator[Anomaly]:
        short = self.short_histories()
        by_role: dict[Role, list[tuple[Way, _Seen]]] = defaultdict(list)
        for way, seen in self._recent_ways():
            is_told = self.superusers(*way.role) and way.network not in ("local", "?") and not self._knows_network(way)
            if not seen.is_known and way.role.where not in short and not is_told:
                by_role[way.role].append((way, seen))
        for role, new in by_role.items():
            known = self._known_ways(role)
            networks, applications = {way.network for way in known}, {way.application for way in known}
            parts = []
            for way, seen in new:
                what = f"from {seen.source}{_by(way.application)} ({counted(seen.count, 'login')})"
                if known and way.network not in networks:
                    what += f": the network {way.network} is new, known are {first_few(sorted(networks))}"
                elif known and way.application not in applications:
                    names = first_few(sorted(name or "unnamed" for name in applications))
                    what += f": the application is new, known are {names}"
                elif known:
                    what += ": both are known, but never together"
                parts.append(what)
            text = f"{role} logged in {first_few(parts, 3, '; ')}; " + (
                "not once in the history" if known else "the role has not logged in once in the history"
            )
            yield Anomaly("never-seen", min(seen.first for _, seen in new), text)

    def _knows_network(self, way: Way) -> bool:
        return any(known.network == way.network for known in self._known_ways(way.role))

    def _odd_hours(self) -> Iterator[Anomaly]:
        for role, logins in self.roles.items():
            hours, counts, days = logins.recent_hours, logins.rate.hours, len(logins.rate.days)
            if days < _HOUR_DAYS or sum(counts) < _HOUR_LOGINS:
                continue
            odd = [hour for hour in hours if not any(counts[(hour + step) % 24] for step in (-1, 0, 1))]
            if odd:
                moment, source, application = min(hours[hour] for hour in odd)
                usual = [hour for hour in range(24) if counts[hour]]
                text = (
                    f"{role} logged in from {source}{_by(application)} at an odd hour: {sum(counts)} logins on "
                    f"{days} days before were all in the hours {_ranges(usual)} UTC"
                )
                yield Anomaly("odd-hours", moment, text)

    def _bursts(self) -> Iterator[Anomaly]:
        short = self.short_histories()
        logins = {f"logins of {role}": own.rate for role, own in self.roles.items() if role.where not in short}
        told: set[float] = set()
        for rates, least in ((logins, _BURST_LOGINS), (self.failed, _BURST_FAILURES)):
            for what, rate in rates.items():
                if rate.most < least or rate.most <= _BURST_FACTOR * rate.usual or rate.at in told:
                    continue
                if rates is self.failed:
                    told.add(rate.at)  # of a role and of its source: one burst
                text = f"{rate.most} {what} within ten minutes; at most {rate.usual} before"
                yield Anomaly("burst", rate.at, text)

    def _unlisted(self) -> Iterator[Anomaly]:
        by_role: dict[Role, list[tuple[float, str]]] = defaultdict(list)
        for way, seen in self._recent_ways():
            changed = self._changed(way.role)
            if changed and seen.first >= changed and not self.listed(way.role.where, way.application, seen.source):
                by_role[way.role].append(
                    (seen.first, f"{way.application or 'an unnamed application'} from {seen.source}")
                )
        for role, logins in by_role.items():
            names = first_few([text for _, text in sorted(logins)])
            text = (
                f"after the password of {role} was changed at {_shown(self._changed(role))}, {names} logged in with it "
                "and is no listed dependent"
            )
            yield Anomaly("unlisted-dependent", min(logins)[0], text)

    def _changed(self, role: Role) -> float:
        """When its password was changed last, by its server's log or by an entry that names no server; 0 for never."""
        return max(self.passwords.get(role, 0.0), self.passwords.get(Role("", role.name), 0.0))

    def _unrecorded(self) -> Iterator[Anomaly]:
        for where, changes in self.changes.items():
            texts = dict.fromkeys(f"{text}{f' by {actor}' if actor else ''}" for _, text, actor in sorted(changes))
            text = f"changed at {where} while no incident was open: {first_few(texts, 6)}"
            yield Anomaly("unrecorded-change", min(changes)[0], text)


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


def _shown(moment: float) -> str:
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M UTC}"


def _by(application: str) -> str:
    return f" by {application}" if application else ""


def _ranges(hours: list[int]) -> str:
    """Hours as ranges: `8-17, 22`."""
    parts: list[list[int]] = []
    for hour in hours:
        if parts and hour == parts[-1][-1] + 1:
            parts[-1].append(hour)
        else:
            parts.append([hour])
    return ", ".join(f"{part[0]}-{part[-1]}" if len(part) > 1 else str(part[0]) for part in parts)
