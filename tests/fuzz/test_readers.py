"""Whatever stands in a file that somebody else could have written, its reader ends with an answer or a sentence."""

from __future__ import annotations

import contextlib
import json
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from drill.state import DrillState
from midwatch.api.plan import Plan, PlanDraft, Verb
from midwatch.control.lease import LeaseWatcher, driver_of
from midwatch.engine.incident_controller import IncidentController
from midwatch.engine.inspection import inspect
from midwatch.engine.repository import summary
from midwatch.incident.events import StepOutcome
from midwatch.incident.paths import AttemptFolder, IncidentFolder
from midwatch.incident.reducer import reduce
from midwatch.journal.codec import NO_LINE, decode, digest
from midwatch.journal.merged_reader import merge_files
from midwatch.journal.reader import Tail, read
from midwatch.journal.verify import verify
from midwatch.runbook.loader import load
from midwatch.supervisor import status
from midwatch.supervisor.launch_spec import LaunchSpec
from midwatch.supervisor.result import Result
from midwatch.supervisor.step_outputs import read_values
from midwatch.system.errors import BadInput, MidwatchError
from midwatch.system.strict_json import read_object
from tests.support.examples import examples
from tests.support.json_values import JSON
from tui.plain.plan_text import plan_lines

pytestmark = pytest.mark.slow

FUZZED = settings(max_examples=examples(150))
DEEP = st.sampled_from([b"[" * 3000, b'{"a":' * 3000, b"[" * 100_000, b'{"pid":' + b"[" * 3000])


def almost(valid: Mapping[str, Any]) -> st.SearchStrategy[bytes]:
    """What a reader accepts, with at most two of its values replaced and at most one key taken out or added."""

    def changed(values: dict[str, Any], gone: str, more: dict[str, Any]) -> bytes:
        found = {**valid, **values, **more}
        found.pop(gone, None)
        return json.dumps(found).encode("utf-8", "surrogatepass")

    values = st.dictionaries(st.sampled_from(sorted(valid)), JSON, max_size=2)
    more = st.dictionaries(st.text(max_size=4), JSON, max_size=1)
    return st.builds(changed, values, st.sampled_from(["", *sorted(valid)]), more)


def bytes_of(*keys: str) -> st.SearchStrategy[bytes]:
    """Arbitrary bytes, arbitrary JSON, an object with these keys and arbitrary values; whole and cut."""
    objects = st.dictionaries(st.sampled_from(keys or ("a",)), JSON, max_size=len(keys) + 1)
    whole = (JSON | objects).map(lambda value: json.dumps(value).encode("utf-8", "surrogatepass"))
    cut = st.builds(lambda data, end: data[:end], whole, st.integers(0, 60))
    return st.binary(max_size=300) | whole | cut | DEEP


@given(data=bytes_of("op"))
@FUZZED
def test_strict_json_reads_an_object_or_raises_value_error(data: bytes) -> None:
    with contextlib.suppress(ValueError):
        assert isinstance(read_object(data), dict)


LOCK = {"actor": "a@b", "host": "h", "pid": 1, "start": 1, "boot": "b", "since": "2026-11-23T02:00:00Z"}


@given(data=bytes_of(*LOCK) | almost(LOCK))
@FUZZED
def test_lock_file_names_a_driver_or_nobody(tmp_path: Path, data: bytes) -> None:
    folder = IncidentFolder(tmp_path)
    folder.lock.write_bytes(data)
    driver_of(folder)
    lease = LeaseWatcher(folder).inspect()
    assert str(lease.driver or "x")


ORDER = LaunchSpec(("true",), "/", {"A": "b"}, timeout=1.0, umask=0o022, digest="0" * 64).to_json()
PROCESS = {"pid": os.getpid(), "start": 1, "boot": "b"}
SUPERVISOR = {**PROCESS, "step": PROCESS, "began": "2026-11-23T02:00:00Z", "control_group": "/sys/fs/cgroup"}
ENDED = Result(StepOutcome.DONE, 0, 1.0, "2026-11-23T02:00:00Z", "", 1, 0, "0" * 64, 1, {"T": 1}, ("T",)).to_json()
DRILL = {
    "scenario": "reference",
    "folder": "/nowhere/drill-1",
    "server_directory": "",
    "engine": "",
    "linger": 1.0,
    "ready": True,
    "owner": PROCESS,
    "reaper": None,
}


@given(data=bytes_of(*ORDER) | almost(ORDER))
@FUZZED
def test_order_is_read_or_refused(data: bytes) -> None:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return
    try:
        order = LaunchSpec.from_json(value)
    except BadInput:
        return
    assert LaunchSpec.from_json(order.to_json()) == order or order.timeout != order.timeout


@example(supervisor=None, result=b'{"outcome": "done", "seconds": 1' + b"0" * 400 + b"}", values=None)
@given(
    supervisor=st.none() | bytes_of(*SUPERVISOR) | almost(SUPERVISOR),
    result=st.none() | bytes_of(*ENDED) | almost(ENDED),
    values=st.none() | st.binary(max_size=300),
)
@FUZZED
def test_files_of_an_attempt_are_read_to_a_state(
    tmp_path: Path, supervisor: bytes | None, result: bytes | None, values: bytes | None
) -> None:
    attempt = AttemptFolder(tmp_path)
    for path, data in ((attempt.supervisor, supervisor), (attempt.result, result), (attempt.values, values)):
        path.unlink(missing_ok=True)
        if data is not None:
            path.write_bytes(data)
    status.inspect_attempt(attempt)
    status.unwatched(attempt)
    with contextlib.suppress(MidwatchError):
        read_values(attempt)


@given(data=bytes_of(*DRILL) | almost(DRILL))
@FUZZED
def test_record_of_a_drill_is_read_or_refused_and_nothing_is_touched(tmp_path: Path, data: bytes) -> None:
    tmp_path.chmod(0o700)
    file = tmp_path / "drill-1.json"
    file.write_bytes(data)
    file.chmod(0o600)
    with contextlib.suppress(MidwatchError):
        DrillState.load(file)
    assert [path.name for path in tmp_path.iterdir()] == ["drill-1.json"]


RUNBOOK = """\
midwatch: 1
id: small
title: Small
severity: SEV-3
phases: [{title: One, steps: [{id: one, title: One}]}]
"""


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """The lines of a real journal."""
    place = tmp_path_factory.mktemp("whole")
    (place / "runbook.yaml").write_text(RUNBOOK, encoding="utf-8")
    before = Path.cwd()
    os.chdir(place)
    controller = IncidentController.declare(load(place / "runbook.yaml"), actor="ada@test")
    for number in range(6):
        controller.note(f"note {number}")
    controller.mark_done("one")
    controller.leave()
    os.chdir(before)
    return controller.folder.journal.read_bytes().rstrip(b"\0").splitlines()


def readers(folder: IncidentFolder) -> Iterator[Callable[[], object]]:
    yield lambda: read(folder.journal)
    yield lambda: Tail(folder.journal).poll()
    yield lambda: merge_files(folder.journal)
    yield lambda: verify(folder.journal)
    yield lambda: reduce(read(folder.journal))
    yield lambda: summary(folder)
    yield lambda: inspect(folder, syslog_files=[])
    yield lambda: IncidentController.observe(folder, actor="bob@test")


@pytest.fixture
def _no_journald(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.mark.usefixtures("_no_journald")
@given(data=st.data())
@settings(FUZZED, max_examples=examples(50))
def test_journal_that_was_changed_at_random_is_read_to_an_answer_or_a_sentence(
    lines: list[bytes], tmp_path: Path, data: st.DataObject
) -> None:
    """Events of any body chained anew, lines dropped, doubled and cut, bytes flipped, files that are named followed or
    not."""
    changed: list[bytes] = []
    prev = NO_LINE
    for line in lines:
        deed = data.draw(st.sampled_from(["keep"] * 6 + ["drop", "double", "body", "kind", "cut", "noise", "number"]))
        event = json.loads(line)
        if deed == "body":
            event["body"] = data.draw(
                st.dictionaries(st.sampled_from([*event["body"], "x", "files", "to"]), JSON, max_size=4)
            )
        elif deed == "kind":
            event["kind"] = data.draw(st.sampled_from(KINDS))
        elif deed == "number":
            event["mono"] = data.draw(st.sampled_from([1e308, -1, 10**30, 0]))
        if deed != "drop":
            text = json.dumps(event | {"prev": prev}, separators=(",", ":")).encode()
            changed.append(text if deed != "cut" else text[: data.draw(st.integers(0, len(text)))])
            changed += [text] if deed == "double" else []
            changed += [data.draw(st.binary(max_size=80) | DEEP)] if deed == "noise" else []
            prev = digest(changed[-1])
    folder = IncidentFolder(tmp_path)
    folder.journal.write_bytes(b"\n".join(changed) + data.draw(st.sampled_from([b"\n", b"", b"\n\0\0", b"\n\0x"])))
    folder.runbook.write_text(RUNBOOK, encoding="utf-8")
    before = {path.name for path in tmp_path.iterdir()}
    for reader in readers(folder):
        with contextlib.suppress(MidwatchError):
            reader()
    assert {path.name for path in tmp_path.iterdir()} == before


KINDS = [
    "incident.declared",
    "incident.closed",
    "driver.took_over",
    "handoff.offered",
    "control.requested",
    "approval.asked",
    "approval.given",
    "step.confirmed",
    "step.started",
    "step.finished",
    "step.outcome_checked",
    "reading",
    "criterion.evaluated",
    "text.corrected",
    "event.starred",
    "journal.fallbacks",
    "journal.failed_over",
    "journal.fallback_lost",
    "update.sent",
    "reserve.released",
]


def a_plan() -> Plan:
    draft = PlanDraft("restore", {"target": "arp"})
    draft.fact("route", "socket")
    draft.add(Verb.CHANGE, "a database", size=4, note="kept", identity="x", kind="database")
    draft.bind("address of arp", "/run")
    return draft.plan()


@given(data=bytes_of(*a_plan().to_json()) | almost(a_plan().to_json()) | almost(a_plan().to_json()["effects"][0]))
@FUZZED
def test_plan_is_read_and_can_be_shown_or_is_refused(data: bytes) -> None:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return
    effect = isinstance(value, dict) and "verb" in value
    try:
        plan = Plan.from_json({**a_plan().to_json(), "effects": [value]} if effect else value)
    except (KeyError, TypeError, ValueError):
        return
    assert len(plan.digest) == 64
    assert plan_lines(plan) is not None
    plan.require_within(plan)


LINE: dict[str, Any] = {
    "seq": 1,
    "time": "2026-11-23T02:00:00.000000Z",
    "mono": 1.0,
    "boot": "b",
    "actor": "a@b",
    "kind": "note",
    "body": {"text": "x"},
    "prev": "0" * 64,
}


def test_fuzz_input_before_any_change_is_accepted(tmp_path: Path) -> None:
    """So that values that were changed reach the checks behind the first one."""
    assert LaunchSpec.from_json(ORDER).to_json() == ORDER
    assert Result.from_json(json.loads(json.dumps(ENDED))).outcome is StepOutcome.DONE
    assert decode(json.dumps(LINE, separators=(",", ":")).encode())[0].seq == 1
    folder = IncidentFolder(tmp_path)
    folder.lock.write_text(json.dumps(LOCK))
    driver = driver_of(folder)
    assert driver is not None
    tmp_path.chmod(0o700)
    (tmp_path / "drill-1.json").write_text(json.dumps(DRILL))
    (tmp_path / "drill-1.json").chmod(0o600)
    record = DrillState.load(tmp_path / "drill-1.json")
    assert record is not None
    attempt = AttemptFolder(tmp_path)
    attempt.supervisor.write_text(json.dumps(SUPERVISOR))
    lost = status.inspect_attempt(attempt)
    assert isinstance(lost, status.Lost)
    assert "restarted" in lost.reason


@given(data=bytes_of(*LINE) | almost(LINE))
@FUZZED
def test_line_of_a_journal_is_an_event_or_raises_value_error(data: bytes) -> None:
    with contextlib.suppress(ValueError):
        decode(data)


@pytest.mark.usefixtures("_no_journald")
@pytest.mark.parametrize("bait", ["pipe", "folder", "link to a pipe", "device"])
@pytest.mark.parametrize("name", ["journal.jsonl", "driver.lock", "runbook.yaml"])
def test_thing_that_is_no_file_is_not_waited_for(lines: list[bytes], tmp_path: Path, bait: str, name: str) -> None:
    folder = IncidentFolder(tmp_path)
    folder.journal.write_bytes(b"\n".join(lines) + b"\n")
    folder.runbook.write_text(RUNBOOK, encoding="utf-8")
    path = tmp_path / name
    path.unlink(missing_ok=True)
    if bait == "folder":
        path.mkdir()
    elif bait == "device":
        path.symlink_to("/dev/zero")
    else:
        os.mkfifo(path if bait == "pipe" else tmp_path / "other")
        if bait != "pipe":
            path.symlink_to("other")
    for reader in readers(folder):
        with contextlib.suppress(MidwatchError, OSError):
            reader()
    driver_of(folder)
    assert not stat.S_ISREG(path.stat().st_mode)
