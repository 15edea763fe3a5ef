"""The Docker panel: the targets' containers, and what the engine holds that nothing uses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from midwatch.clock import Clock
from midwatch.errors import Failed
from midwatch.parameters import param
from midwatch.probe import Level, Probe, Reading, Row
from midwatch.runbook.model import Runbook
from midwatch.units import size
from probes.docker_engine import LIMIT, NoEngine, docker_targets, engine, labelled, space

if TYPE_CHECKING:
    from docker import DockerClient

SOON = 3.0
"""Seconds for the list of containers, which the engine has at hand."""
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
        targets = docker_targets(runbook)
        try:
            with engine(SOON) as client:
                everything = client.api.containers(all=True)
        except NoEngine as error:
            if targets:
                return Reading(self.name, clock.now(), error=str(error))
            return Reading(self.name, clock.now(), (Row("docker", "no engine here, and no target needs one", Level.OK),))
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
        if self.label:
            unused = sum(thing.size for thing in held.images if thing.unused and labelled(thing, self.label))
            words = f"{size(unused)} unused"
            detail = f"with label {self.label}"
            return Row("docker", words, Level.OK, float(unused), "B", detail=detail, facts=(("counted", f"only {detail}"),))
        data: dict[str, Any] = {
            kind: {"count": len(things), "size": sum(t.size for t in things), "unused": sum(t.size for t in things if t.unused)}
            for kind, things in (
                ("images", held.images),
                ("containers", held.containers),
                ("volumes", held.volumes),
                ("build cache", held.cache),
            )
        }
        text = f"{size(held.unused)} unused of {size(held.total)}"
        facts = tuple(
            (kind, f"{found['count']}, {size(found['size'])}, of these {size(found['unused'])} used by nothing")
            for kind, found in data.items()
        )
        brief = f"{size(held.unused)} unused"
        return Row("docker", text, Level.OK, float(held.unused), "B", data=data, brief=brief, facts=facts)


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
    return Row(target, f"{state}: {status}", level, detail=f"image {found['Image']}", brief=str(state), facts=facts)
