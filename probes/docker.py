"""The probe `docker`: the containers of the targets, and unused objects of the engine."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from midwatch.api.parameters import param
from midwatch.api.probe import Level, Probe, Reading, Row
from midwatch.runbook.model import Runbook
from midwatch.system.clock import Clock
from midwatch.system.errors import Failed
from midwatch.system.units import size
from probes.containers.client import LIMIT, STOPPED, NoEngine, engine
from probes.containers.space import Thing, docker_targets, labelled, space

if TYPE_CHECKING:
    from docker import DockerClient

SOON = 3.0
"""Seconds for the list of containers, which the engine has at hand."""
_WORDS = {"containers": "stopped containers"}
"""What is spare of a kind, where the kind's own name does not say it."""
_STATES = {"running": Level.OK, "paused": Level.CRITICAL, "restarting": Level.CRITICAL}


@dataclass(frozen=True)
class DockerProbe(Probe):
    """One row for the space that could go, and one for each target's container with its state and health.

    An engine that cannot be reached is the reading's error when a target runs in Docker. Where none does, it is a row.
    Ends within about 10 seconds.
    """

    name: ClassVar[str] = "docker"
    title: ClassVar[str] = "Docker"
    every: ClassVar[float] = 30.0

    label: str = param("count only what carries this label (KEY or KEY=VALUE)", default="")

    def read(self, runbook: Runbook, clock: Clock) -> Reading:
        """List the containers of the targets with their state, and the unused objects of the engine."""
        targets = docker_targets(runbook)
        try:
            with engine(SOON) as client:
                everything = client.api.containers(all=True)
        except NoEngine as error:
            if targets:
                return Reading(self.name, clock.now(), error=str(error))
            return Reading(
                self.name,
                clock.now(),
                (Row("docker", "no engine here, and no target needs one", Level.OK, brief="no engine here"),),
            )
        except Failed as error:
            return Reading(self.name, clock.now(), error=str(error))
        rows = tuple(_container(everything, name, target) for name, target in targets.items())
        return Reading(self.name, clock.now(), (self._space_row(), *rows))

    def _space_row(self) -> Row:
        """Sizes take the engine long on a full disk: that must not hide whether the containers run."""
        try:
            with engine(LIMIT) as client:
                return self._space(client)
        except Failed as error:
            return Row("docker", f"space unknown: {error.sentence}", Level.UNKNOWN, detail=error.hint)

    def _space(self, client: DockerClient) -> Row:
        held = space(client)
        kinds = {
            kind: tuple(thing for thing in things if labelled(thing, self.label))
            for kind, things in (("images", held.images), ("containers", held.containers), ("volumes", held.volumes))
        }
        if not self.label:  # build cache bears none
            kinds["build cache"] = held.cache
        facts = tuple((kind, _held(kind, things)) for kind, things in kinds.items())
        spare = [(kind, _start_reserve(things)) for kind, things in kinds.items()]
        parts = [f"{_WORDS.get(kind, kind)} {_bytes(things)}" for kind, things in spare if _size(things)]
        detail = ", ".join(parts)
        if self.label:
            unused = _size(_start_reserve(kinds["images"]))
            facts = (("counted", f"only with label {self.label}"), *facts)
            return Row("docker", f"{size(unused)} unused", Level.OK, float(unused), "B", detail=detail, facts=facts)
        data: dict[str, Any] = {
            kind: {"count": len(things), "size": _size(things), "unused": _size(_start_reserve(things))}
            for kind, things in kinds.items()
        }
        text = f"{size(held.unused)} unused of {size(held.total)}"
        brief = f"{size(held.unused)} unused"
        return Row(
            "docker", text, Level.OK, float(held.unused), "B", detail=detail, data=data, brief=brief, facts=facts
        )


def _size(things: Iterable[Thing]) -> int:
    return sum(thing.size for thing in things)


def _bytes(things: Iterable[Thing]) -> str:
    return size(_size(things))


def _start_reserve(things: Iterable[Thing]) -> list[Thing]:
    """What nothing uses, and the containers that do not run."""
    return [thing for thing in things if thing.unused or thing.attrs.get("State") in STOPPED]


def _held(kind: str, things: Sequence[Thing]) -> str:
    """`10, 275 MB: 9 unused, 65.5 MB`."""
    if not things:
        return "none"
    spare, word = _start_reserve(things), "stopped" if kind == "containers" else "unused"
    part = f"{len(spare)} {word}, {_bytes(spare)}" if spare else f"none {word}"
    kept = "; no clean-up takes them" if spare and kind == "volumes" else ""
    return f"{len(things)}, {_bytes(things)}: {part}{kept}"


def _container(everything: list[dict[str, Any]], name: str, target: str) -> Row:
    exact = [container for container in everything if f"/{name}" in container["Names"]]
    if not exact:
        near = [other.lstrip("/") for c in everything for other in c["Names"] if name in other]
        hint = f"similar: {', '.join(sorted(near)[:3])}" if near else ""
        return Row(target, f"no container {name}", Level.CRITICAL, detail=hint)
    found = exact[0]
    state, status = found["State"], found["Status"]
    level = _STATES.get(state, Level.CRITICAL)
    if level is Level.OK and "(unhealthy)" in status:
        level = Level.CRITICAL
    elif level is Level.OK and "(health: starting)" in status:
        level = Level.WARN
    facts = (("container", name), ("image", str(found["Image"])), ("status", str(status)))
    detail = "" if level is Level.OK else f"image {found['Image']}"
    return Row(target, f"{state}: {status}", level, detail=detail, brief=str(state), facts=facts)
