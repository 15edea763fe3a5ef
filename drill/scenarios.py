"""The named scenarios, and the faults of each production."""

from __future__ import annotations

from dataclasses import dataclass

from midwatch.system.errors import BadInput
from midwatch.system.suggestion import suggest


@dataclass(frozen=True, slots=True)
class Scenario:
    """One rehearsal. Everything that is wrong is wrong for real."""

    name: str
    title: str
    percent: float = 96.0
    """How full the volume of the backups is."""
    password_lost: bool = True
    """Whether nobody has the password that ARP asks for over TCP."""
    socket_trusted: bool = True
    """Whether ARP's socket lets the superuser in without a password."""
    corrupt_set: bool = True
    """Whether one file of the nightly sets was damaged after its checksum was taken."""
    damaged_table: bool = False
    """Whether a page of an ARP table is damaged on disk, so that no dump of it can succeed."""


SCENARIOS: tuple[Scenario, ...] = (
    Scenario("reference", "The plan's incident: the disk is full, ARP's password is lost, one backup is corrupt"),
    Scenario("disk-only", "Only the disk is full: ARP's password works", password_lost=False, corrupt_set=False),
    Scenario("password-only", "Only ARP's password is lost: the disk has room", percent=62.0, corrupt_set=False),
    Scenario("no-socket", "As the reference, and ARP's socket lets nobody in either", socket_trusted=False),
    Scenario(
        "damaged-table",
        "As the reference, and a table of ARP cannot be read: no new backup succeeds",
        damaged_table=True,
    ),
)


def find(name: str) -> Scenario:
    """The scenario with this name. Raises `BadInput` that suggests the nearest."""
    for scenario in SCENARIOS:
        if scenario.name == name:
            return scenario
    names = [scenario.name for scenario in SCENARIOS]
    raise BadInput(f"There is no drill {name!r}", hint=suggest(name, names, "Drills"))
