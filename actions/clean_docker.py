"""The action `clean-docker`: removes unused Docker objects, more carefully than `docker system prune -a`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from actions.cleanup.docker_prune_policy import PruneChoice, Rules, choose, not_there, row_name
from actions.cleanup.reclaimed_space import measured, tell_shortfall
from actions.support.incident_values import confirmed_plan
from midwatch.api.action import Action, Context, Outcome
from midwatch.api.parameters import param
from midwatch.api.plan import UNKNOWN, Effect, Plan, PlanDraft, Verb
from midwatch.runbook.model import Risk
from midwatch.system.errors import Failed, OutcomeUnknown
from midwatch.system.sanitize import safe_text
from midwatch.system.units import Seconds, percent, size
from probes.containers.client import STOPPED, engine, root_here
from probes.containers.space import docker_targets, label_of, log_of, space

if TYPE_CHECKING:
    from docker import DockerClient

BUILD_CACHE = "build cache"
WEEK = Seconds(7 * 86400)
LIMIT = 120.0
"""Seconds for one answer of the engine: it computes sizes, and deletes, on a full disk."""


@dataclass(frozen=True)
class CleanDocker(Action):
    """Removes images that no container uses, build cache, and containers that stopped long ago; by id, as planned.

    Never a target's container or its image, whether it runs or not, nor what shares its compose project, nor a volume,
    unless `named`; never what is in use; never by force. Images that no registry has stay unless `local_images`. Where
    a target's container is gone, every tagged image stays: one of them may be what it ran from. Leaves the engine alone
    when no target of the runbook runs in it, unless `any_engine`. Freed space is measured on the disk, and said if it
    falls short, with the deleted files that are still open.
    """

    name: ClassVar[str] = "clean-docker"
    summary: ClassVar[str] = "Remove what Docker holds and nothing uses, by plan"
    risk: ClassVar[Risk] = Risk.DESTROY
    outputs: ClassVar[tuple[str, ...] | None] = ("freed", "removed", "kept", "disk_freed")

    stopped_for: Seconds = param("containers that stopped longer ago than this go", default=WEEK)
    local_images: bool = param("also images that no registry has", default=False)
    any_engine: bool = param("also where no target runs in Docker", default=False)
    named: tuple[str, ...] = param("containers, images and volumes that go although they would stay", default=())

    def plan(self, context: Context) -> Plan:
        """Choose the images, containers and build cache to remove, and list what is kept."""
        draft = self.draft()
        if not docker_targets(context.runbook) and not self.any_engine:
            draft.fact(
                "nothing to do", "no target of this runbook runs in Docker; whatever engine is here is left alone"
            )
            return draft.plan()
        try:
            with engine(LIMIT) as client:
                held, rules = space(client), self._rules(context)
                self._rows(draft, choose(client, held, rules), client.info(), root_here(client), rules.label)
                lost = not_there(held, rules.named)
                draft.refusal = f"Docker holds nothing with the name {lost[0]}" if lost else ""
        except Failed as error:
            draft.refusal = str(error)
        return draft.plan()

    def apply(self, context: Context, plan: Plan) -> Outcome:
        """Remove the planned objects and measure the freed space."""
        removals = [effect for effect in plan.effects if effect.verb is Verb.REMOVE]
        if not removals:
            facts = dict(plan.facts)
            return Outcome(True, facts.get("nothing to do", "Docker holds nothing that may go"), {"freed": "0"})
        with engine(LIMIT) as client:
            before, root = space(client), root_here(client)
            disk = measured(root)
            images = {image.id: image for image in before.images}
            spared: list[str] = []
            logs = 0
            for done, effect in enumerate(removals):
                context.console.progress(done, len(removals), "removals")
                tags = images[effect.identity].attrs.get("RepoTags") if effect.identity in images else None
                log = log_of(client, effect.identity, root).size if effect.object.startswith("container ") else 0
                fault = _remove(client, effect, tags or [])
                logs += 0 if fault else log
                if fault:
                    spared.append(effect.object)
                context.console.say(
                    f"[KEPT] {safe_text(effect.object)}: {fault}" if fault else f"[OK] {safe_text(effect.object)}"
                )
            context.console.progress(len(removals), len(removals), "removals")
            freed, disk_after = before.total - space(client).total + logs, measured(root)
        gone, planned = len(removals) - len(spared), plan.total(Verb.REMOVE)
        summary = f"{gone} of {len(removals)} removed from Docker, {size(freed)} freed"
        values = {"freed": str(freed), "removed": str(gone), "kept": str(len(spared))}
        if freed < planned * 0.9:
            summary += f", less than the {size(planned)} that were planned"
        if root is not None and disk is not None and disk_after is not None:
            values["disk_freed"] = str(disk.used - disk_after.used)
            summary += f"; {root} {percent(disk.percent)} → {percent(disk_after.percent)}"
            tell_shortfall(context.console, root, disk.used - disk_after.used, planned)
        if not gone:
            raise Failed(summary, hint="Look at what each was kept for, above")
        return Outcome(True, summary, values)

    def verify(self, context: Context, since: datetime) -> Outcome:
        """Look for the objects of the confirmed plan; outside of an incident, for all that may go.

        What became removable by the run itself, or since, is no fault of the run.
        """
        if (confirmed := confirmed_plan(context)) is not None:
            return self._verify_confirmed(confirmed)
        plan = self.plan(context)
        if plan.refusal:
            raise OutcomeUnknown(plan.refusal, hint="Ask again once that is mended")
        left = [effect for effect in plan.effects if effect.verb is Verb.REMOVE]
        if left:
            return Outcome(False, f"{len(left)} things that may go are still there, {size(plan.total(Verb.REMOVE))}")
        return Outcome(True, "Docker holds nothing that may go", {"freed": "0"})

    def _verify_confirmed(self, confirmed: Plan) -> Outcome:
        with engine(LIMIT) as client:
            held = space(client)
        there = {image.id for image in held.images if image.unused}
        there |= {container.id for container in held.containers if container.attrs["State"] in STOPPED}
        there |= {f"volume {volume.name}" for volume in held.volumes if volume.unused}
        removals = [effect for effect in confirmed.effects if effect.verb is Verb.REMOVE]
        if sum(record.size for record in held.cache if record.unused) >= max(
            1, *(effect.size or 0 for effect in removals if effect.identity == BUILD_CACHE), 0
        ):
            there.add(BUILD_CACHE)
        left = [effect for effect in removals if (effect.identity or effect.object) in there]
        if left:
            planned = size(sum(effect.size or 0 for effect in left))
            return Outcome(False, f"{len(left)} of the {len(removals)} planned removals are still there, {planned}")
        return Outcome(True, "Nothing that the plan removes is left, but what is in use now")

    def _rules(self, context: Context) -> Rules:
        targets = frozenset(docker_targets(context.runbook))
        label, now = label_of(context.runbook), context.clock.now()
        return Rules(targets, self.stopped_for, self.local_images, label, now, frozenset(self.named))

    def _rows(self, draft: PlanDraft, choice: PruneChoice, info: dict[str, Any], root: Path | None, label: str) -> None:
        for container in choice.containers:
            draft.add(
                Verb.REMOVE,
                row_name("container", container),
                size=container.size,
                reversible=False,
                note=container.note,
                identity=container.id,
                kind="container",
            )
        for image in choice.images:
            again = image.note or ("can be pulled again" if not image.name.startswith("untagged") else "")
            draft.add(
                Verb.REMOVE,
                row_name("image", image),
                size=image.size,
                reversible=again == "can be pulled again",
                note=again,
                identity=image.id,
                kind="image",
            )
        if choice.cache:
            text = f"build cache, {len(choice.cache)} records"
            held = sum(record.size for record in choice.cache)
            note = "builds make it anew"
            draft.add(Verb.REMOVE, text, size=held, note=note, identity=BUILD_CACHE, kind=BUILD_CACHE)
        for volume in choice.volumes:
            note = "named; its data is gone for good"
            draft.add(
                Verb.REMOVE, f"volume {volume.name}", size=volume.size, reversible=False, note=note, kind="volume"
            )
        for kept, why in choice.kept:
            draft.add(Verb.KEEP, kept, note=why)
        draft.confirm_name = str(info.get("Name") or "docker")
        draft.bind(
            "Docker engine", f"{info.get('ID') or UNKNOWN}, by {os.environ.get('DOCKER_HOST') or 'its usual socket'}"
        )
        if label:
            draft.fact("limited to", f"what carries the label {label}")
        draft.fact("engine", f"{draft.confirm_name}, Docker {info.get('ServerVersion', '?')}")
        draft.fact("frees", self._forecast(choice.frees, root))
        kinds = (("images", choice.images), ("containers", choice.containers), ("volumes", choice.volumes))
        told = [
            f"{len(things)} {kind[: -1 if len(things) == 1 else None]}, {size(sum(t.size for t in things))}"
            for kind, things in kinds
            if things
        ]
        told += [f"build cache, {size(sum(record.size for record in choice.cache))}"] if choice.cache else []
        if told:
            draft.fact("by kind", "; ".join(told))
        else:
            draft.fact("nothing to do", "Docker holds nothing that may go")

    def _forecast(self, frees: int, root: Path | None) -> str:
        found = measured(root)
        about = f"about {size(frees)}"
        return about if found is None else f"{about}: {root} {percent(found.percent)} → {percent(found.after(-frees))}"


def _remove(client: DockerClient, effect: Effect, tags: list[str]) -> str:
    """Remove one thing without force. Returns why it stays, when the engine will not have it removed."""
    import docker

    try:
        if effect.identity == BUILD_CACHE:
            client.api.prune_builds(all=True)
        elif effect.object.startswith("container "):
            client.api.remove_container(effect.identity, v=False, force=False)
        elif effect.object.startswith("volume "):
            client.api.remove_volume(effect.object.removeprefix("volume "), force=False)
        elif len(tags) > 1:
            for tag in tags:  # by id the engine refuses an image with several names
                client.api.remove_image(tag, force=False)
        else:
            client.api.remove_image(effect.identity, force=False)
    except docker.errors.NotFound:
        return ""  # gone already
    except docker.errors.APIError as error:
        return safe_text(str(error.explanation or error))
    return ""
