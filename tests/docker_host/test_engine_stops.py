"""The engine goes away in the middle: said in one sentence, and nothing reported as done that is not."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from host_world import Heard, docker_target

from actions.clean_docker import CleanDocker
from actions.isolate_disk import IsolateDisk
from midwatch.action import Context
from midwatch.errors import Failed
from midwatch.units import Seconds

if TYPE_CHECKING:
    from docker import DockerClient

pytestmark = pytest.mark.docker


class Wire:
    """A socket before the real engine's, which is cut as soon as a request begins with `fatal`."""

    def __init__(self, path: Path, engine: str) -> None:
        self.fatal = b""
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
                if asking and self.fatal and data.startswith(self.fatal):
                    self.server.close()
                    break
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


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
    wire.fatal = b"DELETE"
    with pytest.raises(Failed, match="The connection to Docker broke"):
        action.apply(context, plan)
    assert "[OK]" not in heard.text
    assert client.images.get(image)
    assert "Docker" in action.plan(context).refusal


def test_isolation_goes_on_without_the_engine(
    wire: Wire, make_context: Callable[..., Context], heard: Heard, tmp_path: Path
) -> None:
    wire.fatal = b"GET /v1.4"  # after the version was asked
    context = make_context(targets=docker_target("arp"), disk={"paths": ["."]})
    outcome = IsolateDisk().apply(context, IsolateDisk().plan(context))
    assert outcome.ok
    assert "Docker: The connection to Docker broke" in heard.text
    assert "full" in outcome.summary
