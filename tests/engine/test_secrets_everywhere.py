"""Any secret, written in any form and cut anywhere by a real step, is nowhere afterwards: no file, no process, no export."""

from __future__ import annotations

import json
import os
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from midwatch.engine.incident_controller import IncidentController
from midwatch.incident.state import StepStatus
from midwatch.redaction.visible_text import project
from midwatch.reports.post_mortem import post_mortem
from midwatch.reports.timeline import timeline
from midwatch.runbook.loader import load
from tests.engine.conftest import ended
from tests.redaction.forms import FORMS
from tests.support.waiting import wait_for
from tui.cli import main

pytestmark = pytest.mark.slow

RUNBOOK = """\
midwatch: 1
id: told
title: Something is told
severity: SEV-2
locations: {pgpass: pgpass}
phases:
  - title: Tell
    section: "1"
    steps:
      - {id: tell, title: Tell it, run: "exec %s -SE writer.py", risk: observe}
      - {id: by-hand, title: Look, questions: [{name: seen, prompt: What is there?}]}
"""
WRITER = """\
import json, os, signal
signal.signal(signal.SIGINT, signal.SIG_DFL)
open(os.environ["STEP_OUTPUT"], "ab").write(b"value=" + bytes.fromhex(json.load(open("value"))) + b"\\n")
for piece in json.load(open("pieces")):
    os.write(1, bytes.fromhex(piece))
open("gate").read()
"""
LETTERS = st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"])
TOLD = st.lists(
    st.tuples(st.sampled_from(sorted(FORMS)), st.lists(st.integers(0, 300), max_size=4)), min_size=1, max_size=8
)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(inner=st.text(LETTERS, min_size=3, max_size=20), told=TOLD, cut_off=st.booleans())
def test_no_form_of_any_secret_is_anywhere(
    tmp_path_factory: pytest.TempPathFactory,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    inner: str,
    told: list[tuple[str, list[int]]],
    cut_off: bool,
) -> None:
    here, secret = tmp_path_factory.mktemp("told"), f"Zq{inner}jX"
    monkeypatch.chdir(here)
    (here / "runbook.yaml").write_text(RUNBOOK % sys.executable)
    (here / "writer.py").write_text(WRITER)
    (here / "pgpass").write_text("h:1:d:u:" + secret.replace("\\", "\\\\").replace(":", "\\:") + "\n", encoding="utf-8")
    pieces = [piece for form, cuts in told for piece in in_pieces(FORMS[form](secret) + b"\n", cuts)]
    pieces.append(b"all is written\n" + (secret.encode()[:-1] if cut_off else b""))
    (here / "pieces").write_text(json.dumps([piece.hex() for piece in pieces]))
    (here / "value").write_text(json.dumps(FORMS[told[0][0]](secret).replace(b"\n", b"").hex()))
    os.mkfifo(here / "gate")
    controller = IncidentController.declare(load(here / "runbook.yaml"), actor="ada@test")
    controller.start("tell", controller.plan("tell"))
    folder = controller.attempt_folder("tell")
    assert folder is not None
    wait_for(
        lambda: (
            b"all is written" in folder.output.read_bytes()
            or (not controller.poll() and not controller.incident.running())
        )
    )
    forms = {write(secret) for write in FORMS.values()} | {secret.encode()[:-1]}
    assert_not_in_processes(forms)
    if cut_off:
        controller.cancel("tell")
    else:
        (here / "gate").write_text("")
    assert ended(controller, "tell") is (StepStatus.FAILED if cut_off else StepStatus.DONE)
    controller.note(f"it was {secret}")
    controller.mark_done("by-hand", values={"seen": secret})
    controller.update(f"we have {secret}")
    controller.leave()
    assert main(["show", "--json"]) == main(["show"]) == main(["export"]) == main(["export", "--post-mortem"]) == 0
    shown = capsys.readouterr().out.encode()
    told_all = timeline(controller.runbook, controller.events, controller.folder) + post_mortem(
        controller.runbook, controller.events, controller.folder
    )
    assert "secrets masked: pgpass line 1 " in told_all
    contents = {path.name: path.read_bytes() for path in controller.folder.path.rglob("*") if path.is_file()}
    contents |= {
        "shown": shown,
        "exports": told_all.encode(),
        "as a terminal shows it": project(contents["output"]).text,
    }
    assert not [(name, form) for name, content in contents.items() for form in forms if form in content]


def in_pieces(whole: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted({cut % len(whole) for cut in cuts} - {0}), len(whole)]
    return [whole[a:b] for a, b in pairwise(edges)]


def assert_not_in_processes(forms: set[bytes]) -> None:
    """Of nobody but this test, which has it in its hands: in no argument, and in no environment."""
    for process in Path("/proc").glob("[0-9]*"):
        if process.name == str(os.getpid()):
            continue
        for name in ("cmdline", "environ"):
            try:
                content = (process / name).read_bytes()
            except OSError:
                continue
            assert not [form for form in forms if form in content], process
