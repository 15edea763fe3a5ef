"""The findings of an access profile, each with what it is compared with."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from midwatch.system.units import counted, first_few
from probes.logs.access_profile import DAY_S, AccessProfile, Anomaly, Role, Way, WaySeen, shown

_FEWEST_DAYS = 7
"""Days of history without which nothing counts as new."""
_HOUR_DAYS, _HOUR_LOGINS = 10, 20
"""Days with a login, and logins, without which a role has no usual hours."""
_BURST_LOGINS, _BURST_FAILURES, _BURST_FACTOR = 30, 20, 3


@dataclass(slots=True)
class AccessFindings:
    """What is out of the ordinary in a profile that has taken in all logs."""

    profile: AccessProfile
    _known: dict[Role, list[Way]] = field(default_factory=lambda: defaultdict(list))
    """The ways of each role in the history."""

    def all(self) -> list[Anomaly]:
        """All findings, the critical ones first, then by time."""
        for way, seen in self.profile.ways.items():
            if seen.is_known:
                self._known[way.role].append(way)
        for rate in (*self.profile.failed.values(), *(logins.rate for logins in self.profile.roles.values())):
            rate.begin(0, is_recent=False)
        found = [*self._elsewhere(), *self._never_seen(), *self.profile.guessed.values(), *self._odd_hours()]
        found += [*self._bursts(), *self._unlisted(), *self._unrecorded()]
        return sorted(found, key=lambda anomaly: (not anomaly.is_critical, anomaly.moment))

    def short_histories(self) -> dict[str, float]:
        """Servers and hosts whose history is too short for anything to be new there, with its days."""
        spans = {seen.way.role.where: 0.0 for seen in self.profile.ways.values() if seen.count}
        spans |= {where: (self.profile.now - first) / DAY_S for where, first in self.profile.first.items()}
        return {where: days for where, days in spans.items() if days < _FEWEST_DAYS}

    def _recent_ways(self) -> list[tuple[Way, WaySeen]]:
        return [(way, seen) for way, seen in self.profile.ways.items() if seen.count]

    def _elsewhere(self) -> Iterator[Anomaly]:
        for way, seen in self._recent_ways():
            if (
                way.network == "local"
                or not self.profile.superusers(*way.role)
                or seen.source == "?"
                or self.profile.is_allowed(seen.source)
            ):
                continue
            usual = sorted({known.network for known in self._known[way.role]})
            if way.network in usual:
                continue
            before = f"before only from {first_few(usual)}" if usual else "before never over the network"
            text = f"the superuser {way.role} logged in from {seen.source}{_by(way.application)}; {before}"
            yield Anomaly("superuser-elsewhere", seen.first, text, True)

    def _never_seen(self) -> Iterator[Anomaly]:
        short = self.short_histories()
        by_role: dict[Role, list[tuple[Way, WaySeen]]] = defaultdict(list)
        for way, seen in self._recent_ways():
            is_told = (
                self.profile.superusers(*way.role)
                and way.network not in ("local", "?")
                and not self._knows_network(way)
            )
            if not seen.is_known and way.role.where not in short and not is_told:
                by_role[way.role].append((way, seen))
        for role, new in by_role.items():
            known = self._known[role]
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
        return any(known.network == way.network for known in self._known[way.role])

    def _odd_hours(self) -> Iterator[Anomaly]:
        for role, logins in self.profile.roles.items():
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
        logins = {f"logins of {role}": own.rate for role, own in self.profile.roles.items() if role.where not in short}
        told: set[float] = set()
        for rates, least in ((logins, _BURST_LOGINS), (self.profile.failed, _BURST_FAILURES)):
            for what, rate in rates.items():
                if rate.most < least or rate.most <= _BURST_FACTOR * rate.usual or rate.at in told:
                    continue
                if rates is self.profile.failed:
                    told.add(rate.at)  # of a role and of its source: one burst
                text = f"{rate.most} {what} within ten minutes; at most {rate.usual} before"
                yield Anomaly("burst", rate.at, text)

    def _unlisted(self) -> Iterator[Anomaly]:
        by_role: dict[Role, list[tuple[float, str]]] = defaultdict(list)
        for way, seen in self._recent_ways():
            changed = self._changed(way.role)
            if (
                changed
                and seen.first >= changed
                and not self.profile.listed(way.role.where, way.application, seen.source)
            ):
                by_role[way.role].append(
                    (seen.first, f"{way.application or 'an unnamed application'} from {seen.source}")
                )
        for role, logins in by_role.items():
            names = first_few([text for _, text in sorted(logins)])
            text = (
                f"after the password of {role} was changed at {shown(self._changed(role))}, {names} logged in with it "
                "and is no listed dependent"
            )
            yield Anomaly("unlisted-dependent", min(logins)[0], text)

    def _changed(self, role: Role) -> float:
        """When its password was changed last, by its server's log or by an entry that names no server; 0 for never."""
        return max(self.profile.passwords.get(role, 0.0), self.profile.passwords.get(Role("", role.name), 0.0))

    def _unrecorded(self) -> Iterator[Anomaly]:
        for where, changes in self.profile.changes.items():
            texts = dict.fromkeys(f"{text}{f' by {actor}' if actor else ''}" for _, text, actor in sorted(changes))
            text = f"changed at {where} while no incident was open: {first_few(texts, 6)}"
            yield Anomaly("unrecorded-change", min(changes)[0], text)


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
