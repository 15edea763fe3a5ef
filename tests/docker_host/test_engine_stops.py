"""The engine goes away in the middle: said in one sentence, and nothing reported as done that is not."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from actions.checks.password import CheckPassword
from actions.clean_docker import CleanDocker
from actions.diagnose_disk import DiagnoseDisk
from actions.reset_password import ResetPassword
from midwatch.api.action import Context
from midwatch.system.errors import Failed
from midwatch.system.units import Seconds
from probes.containers.client import NoEngine, engine
from tests.docker_host.database_container import server, superuser
from tests.support.host_world import Heard, docker_target

if TYPE_CHECKING:
    from docker import DockerClient

pytestmark = pytest.mark.docker


class Wire:
    """A socket before the real engine's, which is cut as soon as a request, or an answer, matches."""

    def __init__(self, path: Path, engine: str) -> None:
        self.fatal: re.Pattern[bytes] | None = None
        self.fatal_answer: re.Pattern[bytes] | None = None
        self.engine = engine
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(str(path))
        self.server.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self.server.accept()
                far = socket.socket(socket.AF_UNIX)
                far.connect(self.engine)
                threading.Thread(target=self._carry, args=(near, far, True), daemon=True).start()
                threading.Thread(target=self._carry, args=(far, near, False), daemon=True).start()

    def _carry(self, source: socket.socket, sink: socket.socket, asking: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                fatal = self.fatal if asking else self.fatal_answer
                if fatal is not None and fatal.search(data):
                    self.server.close()
                    for end in (source, sink):
                        end.shutdown(socket.SHUT_RDWR)
                    return
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)  # who has said everything may still listen


@pytest.fixture
def wire(client: DockerClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:
    engine = "/var/run/docker.sock"
    if not Path(engine).exists():
        pytest.skip("the engine listens elsewhere")
    made = Wire(tmp_path / "d.sock", engine)
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/d.sock")
    yield made
    made.server.close()


def test_cleaning_stops_with_one_sentence_and_the_image_is_still_there(
    wire: Wire,
    client: DockerClient,
    make_context: Callable[..., Context],
    make_image: Callable[..., str],
    make_container: Callable[..., Any],
    name_of: Callable[[str], str],
    label: str,
    heard: Heard,
) -> None:
    make_container(name_of("arp"))
    image = make_image("cut-off")
    context = make_context(docker={"label": label}, targets=docker_target(name_of("arp")))
    action = CleanDocker(stopped_for=Seconds(0), local_images=True)
    plan = action.plan(context)
    assert image in "".join(effect.object for effect in plan.effects)
    wire.fatal = re.compile(rb"^DELETE")
    with pytest.raises(Failed, match="The connection to Docker broke"):
        action.apply(context, plan)
    assert "[OK]" not in heard.text
    assert client.images.get(image)
    assert "Docker" in action.plan(context).refusal


def test_engine_that_has_gone_since_it_was_asked_is_said_to_be_gone(wire: Wire, tmp_path: Path) -> None:
    with engine() as client:
        client.ping()
    wire.server.shutdown(socket.SHUT_RDWR)
    wire.server.close()
    with pytest.raises(Failed, match="The Docker daemon is down"), engine() as client:
        client.ping()
    (tmp_path / "d.sock").unlink()
    with pytest.raises(NoEngine), engine() as client:
        client.ping()


def test_isolation_goes_on_without_the_engine(
    wire: Wire, make_context: Callable[..., Context], heard: Heard, tmp_path: Path
) -> None:
    wire.fatal = re.compile(rb"^GET /v1\.4")  # after the version was asked
    context = make_context(targets=docker_target("arp"), disk={"paths": ["."]})
    outcome = DiagnoseDisk().apply(context, DiagnoseDisk().plan(context))
    assert outcome.ok
    assert "Docker: The connection to Docker broke" in heard.text
    assert "full" in outcome.summary


@pytest.mark.parametrize(
    ("request_cut", "answer_cut", "method"),
    [(rb"ALTER ROLE", None, "reset"), (None, rb"\x01\0\0\0....SCRAM-SHA-256\$", "found")],
    ids=["before the server takes it", "after the server took it"],
)
def test_recovery_that_is_cut_off_loses_nothing(
    wire: Wire,
    client: DockerClient,
    label: str,
    make_context: Callable[..., Context],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request_cut: bytes | None,
    answer_cut: bytes | None,
    method: str,
) -> None:
    with server(client, label, "cut") as served:
        target = replace(served, socket="/nowhere")  # by the engine alone
        made = make_context(targets={target.name: target})
        places = {**made.runbook.locations, "pgpass": str(tmp_path / "pgpass")}
        context = replace(made, runbook=replace(made.runbook, locations=places))
        superuser(context, target, "ALTER ROLE arp_app PASSWORD 'changed since'")
        action = ResetPassword(target)
        plan = action.plan(context)
        wire.fatal = re.compile(request_cut) if request_cut else None
        wire.fatal_answer = re.compile(answer_cut, re.DOTALL) if answer_cut else None
        with pytest.raises(Failed) as caught:
            action.apply(context, plan)
        assert "Run this again" in str(caught.value)
        assert not (tmp_path / "pgpass").exists()
        monkeypatch.delenv("DOCKER_HOST")
        outcome = action.apply(context, action.plan(context))
        assert outcome.values["method"] == method
        assert CheckPassword(target).evaluate(context).ok
        undo = action.undo(outcome.values)
        assert undo is not None
        undo.apply(context, undo.plan(context))
        (tmp_path / "pgpass").write_text("*:*:*:arp_app:changed since\n")
        (tmp_path / "pgpass").chmod(0o600)
        assert CheckPassword(target).evaluate(context).ok
