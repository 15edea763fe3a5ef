"""Cleaning Docker by plan, on a real engine: what goes, and above all what stays."""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from actions.clean_docker import CleanDocker
from midwatch.api.action import Context
from midwatch.api.plan import Plan, Verb
from midwatch.incident.events import EventKind
from midwatch.incident.paths import IncidentFolder
from midwatch.journal.writer import Journal
from midwatch.system.clock import SystemClock
from midwatch.system.errors import Failed
from midwatch.system.units import Seconds
from probes.containers.client import engine
from tests.support.host_world import HOLDER, Heard, declared_incident, docker_target

if TYPE_CHECKING:
    from docker import DockerClient

pytestmark = pytest.mark.docker
NOW = Seconds(0)


def rows(plan: Plan, verb: Verb) -> str:
    return "\n".join(f"{effect.object} | {effect.note}" for effect in plan.effects if effect.verb is verb)


@pytest.fixture
def context(make_context: Callable[..., Context], label: str, name_of: Callable[[str], str]) -> Context:
    return make_context(docker={"label": label}, targets=docker_target(name_of("arp")))


def test_stopped_target_its_image_and_volumes_stay(
    client: DockerClient,
    context: Context,
    label: str,
    make_image: Callable[..., str],
    make_container: Callable[..., Any],
    name_of: Callable[[str], str],
) -> None:
    used, unused, local = make_image("used"), make_image("unused"), make_image("local")
    arp = make_container(name_of("arp"), used, "echo up")
    arp.wait(timeout=30)
    old = make_container(name_of("old"), command="echo old")
    old.wait(timeout=30)
    bystander = make_container(name_of("running"))
    volume = client.volumes.create(f"midwatch-{label[-8:]}", labels=dict([label.split("=")]))
    careful = CleanDocker(stopped_for=NOW).plan(context)
    assert name_of("old") in rows(careful, Verb.REMOVE)
    assert unused not in rows(careful, Verb.REMOVE), "no registry has it, so it stays unless asked for"
    action = CleanDocker(stopped_for=NOW, local_images=True)
    plan = action.plan(context)
    assert unused in rows(plan, Verb.REMOVE)
    assert local in rows(plan, Verb.REMOVE)
    kept = rows(plan, Verb.KEEP)
    assert f"container {name_of('arp')} | a target, exited" in kept
    assert "volumes" in kept
    assert used not in rows(plan, Verb.REMOVE)
    assert plan.confirm_name == client.info()["Name"]
    assert plan.total(Verb.REMOVE) > 900_000
    client.images.get(local).tag(f"{local}-again")  # two names: by id the engine would refuse it
    outcome = action.apply(context, action.plan(context))
    assert int(outcome.values["freed"]) > 900_000
    left = {tag for image in client.images.list(filters={"label": label}) for tag in image.tags}
    assert used in left
    assert not {unused, local, f"{local}-again"} & left
    containers = {container.name for container in client.containers.list(all=True, filters={"label": label})}
    assert {name_of("arp"), bystander.name} <= containers
    assert name_of("old") not in containers
    assert client.volumes.get(volume.name)


def test_recently_stopped_and_same_project_stay(
    context: Context, make_container: Callable[..., Any], name_of: Callable[[str], str]
) -> None:
    project = {"com.docker.compose.project": f"prod-{name_of('p')}"}
    make_container(name_of("arp"), **project)
    bastion = make_container(name_of("bastion"), command="echo done", **project)
    bastion.wait(timeout=30)
    fresh = make_container(name_of("fresh"), command="echo done")
    fresh.wait(timeout=30)
    plan = CleanDocker(stopped_for=NOW).plan(context)
    assert f"container {bastion.name} | same compose project as a target" in rows(plan, Verb.KEEP)
    assert fresh.name in rows(plan, Verb.REMOVE)
    plan = CleanDocker().plan(context)
    assert fresh.name not in rows(plan, Verb.REMOVE)
    assert f"container {fresh.name} | stopped only" in rows(plan, Verb.KEEP)


def test_tagged_image_stays_where_the_target_is_gone(context: Context, make_image: Callable[..., str]) -> None:
    image = make_image("maybe-arp")
    plan = CleanDocker(stopped_for=NOW, local_images=True).plan(context)
    assert image not in rows(plan, Verb.REMOVE)
    assert "is gone" in rows(plan, Verb.KEEP)


def test_object_in_use_since_the_plan_is_kept(
    client: DockerClient,
    context: Context,
    heard: Heard,
    make_image: Callable[..., str],
    make_container: Callable[..., Any],
    name_of: Callable[[str], str],
) -> None:
    make_container(name_of("arp"))
    one, two = make_image("race-one"), make_image("race-two")
    action = CleanDocker(stopped_for=NOW, local_images=True)
    plan = action.plan(context)
    make_container(name_of("late"), one)
    outcome = action.apply(context, plan)
    assert client.images.get(one)
    assert outcome.values["kept"] == "1"
    assert "[KEPT]" in heard.text
    assert not client.images.list(two)


def test_object_of_a_target_is_removed_only_when_named(
    client: DockerClient,
    context: Context,
    label: str,
    make_container: Callable[..., Any],
    name_of: Callable[[str], str],
) -> None:
    arp = make_container(name_of("arp"), command="echo up")
    arp.wait(timeout=30)
    volumes = [client.volumes.create(f"midwatch-{n}-{label[-8:]}", labels=dict([label.split("=")])).name for n in "ab"]
    assert "no-such-thing" in CleanDocker(named=("no-such-thing",)).plan(context).refusal
    action = CleanDocker(named=(name_of("arp"), volumes[0]))
    plan = action.plan(context)
    assert {effect.object.partition(" (")[0] for effect in plan.effects if effect.verb is Verb.REMOVE} == {
        f"container {name_of('arp')}",
        f"volume {volumes[0]}",
    }
    assert "1 container," in dict(plan.facts)["by kind"]
    assert not action.verify(context, datetime.now(UTC)).ok
    action.apply(context, plan)
    left = [volume.name for volume in client.volumes.list(filters={"label": label})]
    assert volumes[1] in left
    assert volumes[0] not in left
    assert not client.containers.list(all=True, filters={"name": name_of("arp")})
    assert CleanDocker().verify(context, datetime.now(UTC)).ok


def test_object_made_removable_by_the_run_is_no_failure_of_the_run(
    client: DockerClient,
    make_context: Callable[..., Context],
    label: str,
    make_image: Callable[..., str],
    make_container: Callable[..., Any],
    name_of: Callable[[str], str],
    tmp_path: Path,
) -> None:
    make_container(name_of("arp"))
    image = make_image("only-old")
    old = make_container(name_of("old"), image, command="echo done", log="local")
    old.wait(timeout=30)
    folder = declared_incident(tmp_path)
    context = make_context(
        docker={"label": label}, targets=docker_target(name_of("arp")), incident=folder, step="clean"
    )
    action = CleanDocker(stopped_for=NOW, local_images=True)
    plan = action.plan(context)
    assert image not in rows(plan, Verb.REMOVE)
    journal = Journal.open(IncidentFolder(folder).journal, actor="ada@bastion", clock=SystemClock())
    journal.append(EventKind.CONFIRMED, {"step": "clean", "attempt": 1, "plan": plan.to_json()})
    journal.close()
    assert not action.verify(context, datetime.now(UTC)).ok
    assert action.apply(context, plan).ok
    assert image in rows(action.plan(context), Verb.REMOVE)
    assert action.verify(context, datetime.now(UTC)).ok


def test_file_held_open_is_named_when_less_space_comes_free(
    client: DockerClient,
    context: Context,
    heard: Heard,
    make_container: Callable[..., Any],
    name_of: Callable[[str], str],
) -> None:
    make_container(name_of("arp"))
    old = make_container(name_of("old"), command="echo done")
    old.wait(timeout=30)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        entry = tarfile.TarInfo("left-behind")
        entry.size = 40_000_000
        tar.addfile(entry, io.BytesIO(bytes(entry.size)))
    client.api.put_archive(old.id, "/", buffer.getvalue())
    upper = client.api.inspect_container(old.id)["GraphDriver"]["Data"]["UpperDir"]
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, Path(upper, "left-behind")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert holder.stdout is not None
        holder.stdout.readline()
        action = CleanDocker(stopped_for=NOW)
        plan = action.plan(context)
        assert plan.total(Verb.REMOVE) >= 40_000_000
        outcome = action.apply(context, plan)
        assert outcome.values["removed"] == "1"
        assert "left-behind is still held open by" in heard.text
        assert f"({holder.pid})" in heard.text
        assert "less than the" in heard.text
        assert "disk_freed" in outcome.values
    finally:
        holder.communicate()


def test_log_of_a_container_counts_as_room(
    client: DockerClient, context: Context, make_container: Callable[..., Any], name_of: Callable[[str], str]
) -> None:
    """`docker system df` shows it as nothing, and it goes with the container."""
    make_container(name_of("arp"))
    talkative = "i=0; while [ $i -lt 4000 ]; do echo $i:0123456789012345678901234567890123456789; i=$((i+1)); done"
    make_container(name_of("talkative"), command=talkative).wait(timeout=60)
    action = CleanDocker(stopped_for=NOW)
    plan = action.plan(context)
    assert plan.total(Verb.REMOVE) > 300_000
    outcome = action.apply(context, plan)
    assert int(outcome.values["freed"]) > 300_000
    assert "less than" not in outcome.summary


def test_engine_without_a_docker_target_is_left_alone(
    client: DockerClient, make_context: Callable[..., Context]
) -> None:
    context = make_context()
    plan = CleanDocker().plan(context)
    assert plan.effects == ()
    assert not plan.refusal
    assert CleanDocker().apply(context, plan).ok


def test_missing_engine_and_missing_permission_fail_by_sentence(
    monkeypatch: pytest.MonkeyPatch, context: Context, make_context: Callable[..., Context], tmp_path: Any
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nothing.sock")
    assert "no Docker engine here" in CleanDocker().plan(context).refusal
    assert not CleanDocker().plan(make_context()).refusal
    with pytest.raises(Failed), engine(2):
        pass
