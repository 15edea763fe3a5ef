"""Any secret, written in any form and cut anywhere by a real step, is nowhere afterwards: no file, no process, no
export."""

from __future__ import annotations

import json
import logging
import os
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from midwatch.engine.incident_controller import IncidentController
from midwatch.incident.debug_log import kept_in
from midwatch.incident.step_status import StepStatus
from midwatch.redaction.visible_text import project
from midwatch.reports.post_mortem import post_mortem
from midwatch.reports.timeline import timeline
from midwatch.runbook.loader import load
from tests.redaction.forms import FORMS
from tests.support.examples import examples
from tests.support.steps import ended
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


@settings(max_examples=examples(10))
@given(inner=st.text(LETTERS, min_size=3, max_size=20), told=TOLD, cut_off=st.booleans())
def test_secret_in_any_form_is_in_no_file(
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


SOURCES = """\
midwatch: 1
id: sources
title: Every source of text
severity: SEV-2
locations: {freeze: "at-correct-horse-battery/freeze.json"}
phases:
  - title: Tell
    section: "1"
    steps:
      - {id: asked, title: Ask, questions: [{name: seen, prompt: What is there?}]}
      - id: fails
        title: Fail
        run: |
          echo "out $SEEN $ARP_PASSWORD"; echo "err $ARP_PASSWORD" >&2; echo "value=$ARP_PASSWORD" >> "$STEP_OUTPUT"
          exit 3
        env: {SEEN: {from: asked.seen}}
        risk: change
      - {id: left, title: Left out}
      - {id: freeze, title: Freeze deployments, uses: freeze, with: {mode: "on"}, risk: change}
"""


def test_secret_of_each_source_of_text_reaches_no_file(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Output, value, answer, note, reason, parameter, effect, error, command, update, log, exports, support report."""
    secret = "correct-horse-battery"
    monkeypatch.setenv("ARP_PASSWORD", secret)
    (here / f"at-{secret}").mkdir()
    (here / "runbook.yaml").write_text(SOURCES)
    controller = IncidentController.declare(load(here / "runbook.yaml"), actor="ada@test")
    with kept_in(controller.folder.debug_log, lambda: {"ARP_PASSWORD": secret}):
        logging.getLogger("midwatch.engine").info("connecting with %s", secret)
    controller.mark_done("asked", values={"seen": f"it is {secret}"})
    controller.start("fails", controller.plan("fails"))
    assert ended(controller, "fails") is StepStatus.FAILED
    controller.start("fails", controller.plan("fails"), reason=f"again with {secret}")
    assert ended(controller, "fails") is StepStatus.FAILED
    controller.skip("left", f"no need of {secret}")
    plan = controller.plan("freeze")
    assert any(secret in effect.object for effect in plan.effects)
    controller.start("freeze", plan)
    assert ended(controller, "freeze") is StepStatus.DONE
    controller.note(f"it was {secret}")
    controller.update(f"we have {secret}")
    controller.leave()
    assert main(["show", "--json"]) == main(["show"]) == main(["export"]) == main(["export", "--post-mortem"]) == 0
    assert main(["support-report"]) == 0
    texts = {
        str(path.relative_to(controller.folder.path)): path.read_text(errors="replace")
        for path in controller.folder.path.rglob("*")
        if path.is_file()
    }
    shown = capsys.readouterr()
    del texts["runbook.yaml"]
    texts |= {"printed": shown.out, "said": shown.err}
    assert not [name for name, text in texts.items() if secret in text]
    journal = texts["journal.jsonl"]
    for source in ("it is", "again with", "no need of", "at-", "it was", "we have"):
        assert f"{source} [secret ARP_PASSWORD]" in journal or f"{source}[secret ARP_PASSWORD]" in journal, source
    assert "connecting with [secret ARP_PASSWORD]" in texts["debug.log"]
    assert "out it is [secret ARP_PASSWORD] [secret ARP_PASSWORD]" in texts["steps/fails/1/output"]
