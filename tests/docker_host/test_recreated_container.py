"""A container that is made anew under the same name is another one: what was confirmed for the first does not run in
it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from actions.clean_docker import CleanDocker
from actions.reset_password import ResetPassword
from midwatch.api.action import Context
from midwatch.api.plan import Plan
from midwatch.engine.consent import planned
from midwatch.runbook.targets import Target
from midwatch.system.errors import Refused
from midwatch.system.units import Seconds
from tests.docker_host.database_container import server, superuser

if TYPE_CHECKING:
    from docker import DockerClient

pytestmark = pytest.mark.docker


def recovery(make_context: Callable[..., Context], target: Target) -> Plan:
    """The plan of a recovery, once the server lets us in."""
    context = make_context(targets={target.name: target})
    superuser(context, target, "ALTER ROLE arp_app PASSWORD 'nobody knows it'")
    return planned(ResetPassword(target), context)


def test_recreated_container_is_refused(client: DockerClient, label: str, make_context: Callable[..., Context]) -> None:
    with server(client, label, "anew") as target:
        identity = client.containers.get(target.container).id
        before = recovery(make_context, target)
        assert before.bindings["container of arp-db-prod"] == identity
        assert before.bindings["system identifier of arp-db-prod"].isdigit()
        assert any(f"container {identity[:12]}" in text for name, text in before.facts if name == "server")
        recovery(make_context, target).require_within(before)
    with server(client, label, "anew", PGPORT=str(target.port)) as again:
        after = recovery(make_context, replace(again, port=target.port))
        with pytest.raises(Refused, match=f"container of arp-db-prod {identity[:12]}"):
            after.require_within(before)


def test_stopped_container_is_unknown_and_keeps_its_id(
    client: DockerClient, label: str, make_context: Callable[..., Context]
) -> None:
    from actions.support.bound_servers import bind_servers
    from midwatch.api.plan import PlanDraft

    with server(client, label, "stops") as target:
        container = client.containers.get(target.container)
        container.stop(timeout=5)
        draft = PlanDraft("any", {})
        bind_servers(draft, make_context(targets={target.name: target}), [target])
        assert draft.bindings["container of arp-db-prod"] == container.id
        assert draft.bindings["system identifier of arp-db-prod"] == "unknown"
        assert "identity of the server: unknown, nobody can log in" in draft.facts[0][1]


def test_cleaning_is_bound_to_the_engine(client: DockerClient, make_context: Callable[..., Context]) -> None:
    plan = CleanDocker(any_engine=True, stopped_for=Seconds(10**9)).plan(make_context())
    assert str(client.info()["ID"]) in plan.bindings["Docker engine"]
