"""The policy of `clean-docker`: which Docker objects may be removed and which are kept."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from midwatch.system.units import Seconds, duration
from probes.containers.client import STOPPED, finished_at, root_here, short
from probes.containers.space import Space, Thing, labelled, log_of

if TYPE_CHECKING:
    from docker import DockerClient

PROJECT = "com.docker.compose.project"


@dataclass(slots=True)
class PruneChoice:
    """What goes, by kind, and what stays, with the reason."""

    images: list[Thing] = field(default_factory=list)
    containers: list[Thing] = field(default_factory=list)
    cache: list[Thing] = field(default_factory=list)
    volumes: list[Thing] = field(default_factory=list)
    """Only those that the operator named."""
    kept: list[tuple[str, str]] = field(default_factory=list)
    """What is kept, and why."""

    @property
    def frees(self) -> int:
        """Bytes, at least: layers that only the removed images share come on top."""
        return sum(thing.size for thing in (*self.images, *self.containers, *self.cache, *self.volumes))


@dataclass(frozen=True, slots=True)
class Rules:
    """What the operator and the runbook say."""

    targets: frozenset[str]
    """Container names of the targets, running or not."""
    stopped_for: Seconds
    local_images: bool
    label: str
    now: datetime
    named: frozenset[str] = frozenset()
    """Containers, images and volumes that the operator wants gone by name, whatever they are, if nothing uses them."""


def choose(client: DockerClient, held: Space, rules: Rules) -> PruneChoice:
    """Sort everything that the engine holds. Volumes stay unless named. Whatever is in doubt stays."""
    choice, root = PruneChoice(), root_here(client)
    ours = [container for container in held.containers if container.name in rules.targets]
    projects = {container.labels[PROJECT] for container in ours if PROJECT in container.labels}
    lost = sorted(rules.targets - {container.name for container in ours})
    for container in held.containers:
        why = _keeps_container(client, container, rules, projects)
        if why:
            if container in ours or container.attrs["State"] not in ("running",):
                choice.kept.append((f"container {container.name}", why))
        else:
            log = log_of(client, container.id, root)
            goes = f"its log, of unknown size ({log.unknown})," if log.unknown else "its log"
            note = f"{container.note}; {goes} and its changes go too"
            choice.containers.append(replace(container, size=container.size + log.size, note=note))
    for name in lost:
        choice.kept.append((f"every tagged image: the container {name} is gone", "one of them may be what it ran from"))
    for image in held.images:
        if not image.unused:
            continue
        why = _keeps_image(image, rules, projects, bool(lost))
        if why:
            choice.kept.append((f"image {image.name}", why))
        else:
            choice.images.append(image)
    if not rules.label:
        choice.cache = [record for record in held.cache if record.unused]
    used = sum(not image.unused for image in held.images)
    if used:
        choice.kept.append((f"{used} images that containers use", ""))
    choice.volumes = [volume for volume in held.volumes if volume.unused and volume.name in rules.named]
    stay = len(held.volumes) - len(choice.volumes)
    if stay:
        choice.kept.append(
            (f"{'all ' if not choice.volumes else ''}{stay} volumes", "data is never cleaned up unless named")
        )
    return choice


def not_there(held: Space, named: frozenset[str]) -> list[str]:
    """The names that nothing here has, so that a slip of the finger is told instead of passed over."""
    known = {thing.name for thing in (*held.containers, *held.volumes)}
    known |= {name for image in held.images for name in _names(image)}
    return sorted(named - known)


def _names(image: Thing) -> set[str]:
    return {short(image.id), *(image.attrs.get("RepoTags") or ())}


def _keeps_container(client: DockerClient, container: Thing, rules: Rules, projects: set[str]) -> str:
    """Why a container stays; empty when it may go."""
    state = str(container.attrs["State"])
    if container.name in rules.named and state in STOPPED:
        return ""
    if container.name in rules.targets:
        return f"a target, {state}"
    if state not in STOPPED:
        return state
    if container.labels.get(PROJECT) in projects:
        return "same compose project as a target"
    if not labelled(container, rules.label):
        return f"does not carry the label {rules.label}"
    since = finished_at(client, container.id) or datetime.fromtimestamp(container.attrs["Created"], UTC)
    age = (rules.now - since).total_seconds()
    if age < rules.stopped_for:
        return f"stopped only {duration(max(0.0, age))} ago"
    return ""


def _keeps_image(image: Thing, rules: Rules, projects: set[str], lost: bool) -> str:
    """Why an unused image stays; empty when it may go."""
    tagged = not image.name.startswith("untagged ")
    if _names(image) & rules.named:
        return ""
    if not labelled(image, rules.label):
        return f"does not carry the label {rules.label}"
    if image.labels.get(PROJECT) in projects:
        return "same compose project as a target"
    if tagged and lost:
        return "a target's container is gone"
    if tagged and image.note and not rules.local_images:
        return f"{image.note} (--local-images true lets it go)"
    return ""


def row_name(kind: str, thing: Thing) -> str:
    """How a plan names it."""
    return f"{kind} {thing.name}" if thing.name.startswith("untagged") else f"{kind} {thing.name} ({short(thing.id)})"
