"""Names that command a terminal, against every command that says names: nothing but printable characters comes out."""

from __future__ import annotations

import json
import os
import subprocess
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest

from midwatch.incident.events import EventKind
from midwatch.incident.paths import IncidentFolder
from midwatch.journal.writer import Journal
from midwatch.system.clock import SystemClock
from midwatch.system.errors import BadInput
from tests.support import program
from tui.output import SafeStream

pytestmark = pytest.mark.slow

NAMES = {
    "escapes": b"\x1b]0;owned\x07a\x1b]52;c;aGVsbG8=\x1b\\b\x1b[2J\x1b[Hc\x07\x08\x7fd\x0e\x0f\x1b(0e\rf",
    "bytes": b"\xc2\x9b31mx\xc2\x9d0;t\xc2\x9cy\x9b31mz\xff",
    "letters": "x\u202egnp.exe\u202c\u2066y\u200b\ufeff\u2028z".encode(),
    "newline": b"x\nmidwatch: INC-1: whole, 3 events",
}
SMALL = "midwatch: 1\nid: small\ntitle: Small\nseverity: SEV-2\nphases: [{title: P, steps: [{title: S}]}]\n"


def is_safe(text: str) -> bool:
    """Whether a terminal only shows it."""
    return all(char == "\n" or unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Zl", "Zp") for char in text)


def midwatch(here: Path, *arguments: str | bytes) -> subprocess.CompletedProcess[bytes]:
    done = program.midwatch(*arguments, cwd=here, environment={"HOME": str(here), "TERM": "xterm"})
    for output in (done.stdout, done.stderr):
        assert is_safe(output.decode("utf-8")), output
    assert b"Traceback" not in done.stderr
    return done


@pytest.fixture(params=NAMES.values(), ids=NAMES.keys())
def name(request: pytest.FixtureRequest) -> str:
    return os.fsdecode(request.param)


def an_incident(folder: IncidentFolder, **said: str) -> None:
    folder.path.mkdir(parents=True)
    journal = Journal.create(folder.journal, actor=said.get("actor", "ada@bastion"), clock=SystemClock())
    facts = {
        "title": "Small",
        "severity": "SEV-2",
        "runbook": "small",
        "runbook_sha256": "0" * 64,
        "host": "h",
        "resumed_from": "",
    }
    journal.append(EventKind.DECLARED, {"id": folder.id, "base": "/", **facts})
    journal.close()


def test_incident_folder_with_a_hostile_name_is_printed_safely(here: Path, name: str) -> None:
    shelf = here / "logs" / "incidents"
    an_incident(IncidentFolder(shelf / f"INC-{name}"))
    (shelf / f"INC-empty-{name}").mkdir()
    (here / "runbook.yaml").write_text(SMALL)
    listed = midwatch(here, "incidents")
    assert listed.stdout.count(b"\n") == 2, "a name forges no line"
    told = json.loads(midwatch(here, "incidents", "--json").stdout)
    assert {row["id"] for row in told} == {f"INC-{name}", f"INC-empty-{name}"}, "a program gets the name itself"
    for command in ("verify", "show", "handoff", "export", "approve"):
        done = midwatch(here, command, f"INC-{name}" if command in ("verify", "show") else "INC-")
        assert b"\nmidwatch: INC-1: whole" not in b"\n" + done.stdout + done.stderr
    verdict = json.loads(midwatch(here, "verify", f"INC-{name}", "--json").stdout)
    assert verdict["incident"] == f"INC-{name}"


def test_file_argument_with_a_hostile_name_is_printed_safely(here: Path, name: str) -> None:
    good, bad, missing, export = f"{name}.yaml", f"bad{name}.yaml", f"no{name}.yaml", f"{name}.md"
    (here / good).write_text(SMALL)
    (here / bad).write_text(SMALL.replace("severity", "severty"))
    (here / export).write_text("# An export\n")
    linted = midwatch(here, "lint", good, bad, missing)
    assert linted.returncode == 2
    assert linted.stdout.count(b"\n") == 1
    told = json.loads(midwatch(here, "lint", "--json", bad).stdout)
    assert told[0]["file"] == bad
    for arguments in (
        ("verify", export),
        ("verify", missing.replace(".yaml", ".md")),
        ("plan", bad),
        ("plan", good, name),
        ("run", missing, "--headless", "--answers", bad),
        ("export", "nothing", "--runbook", good, "-o", f"no/{name}"),
        ("check", "freeze-status", "--runbook", good, "--expect", name),
        ("check", "disk", f"--{name}", "1"),
        ("action", name),
        ("action", "freeze", "--runbook", good, "--mode", name),
        ("drill", name),
        ("lint", f"--{name}"),
        (name,),
    ):
        midwatch(here, *arguments)


def test_places_of_a_site_and_values_of_a_runbook(here: Path, name: str) -> None:
    name = name.encode("utf-8", "replace").decode()  # YAML holds text alone
    (here / "runbook.yaml").write_text(SMALL)
    (here / "site.yaml").write_text(
        json.dumps({"midwatch-site": 1, "locations": {"freeze": name, "backups": name, "pgpass": name}})
    )
    for arguments in (
        ("check", "freeze-status"),
        ("action", "freeze", "--plan"),
        ("action", "freeze", "--plan", "--json"),
        ("action", "clean-backups", "--plan"),
        ("action", "verify-checksums"),
    ):
        midwatch(here, *arguments)


def test_files_that_an_action_finds(here: Path, name: str) -> None:
    (here / "runbook.yaml").write_text(SMALL)
    night = here / "backups" / "prod" / "20261101-020000"
    night.mkdir(parents=True)
    (night / name).write_text("x")
    (night / "checksums.sha256").write_text(f"{'0' * 64}  arp.dump.gz\n")
    for arguments in (
        ("action", "verify-checksums"),
        ("action", "clean-backups", "--plan"),
        ("action", "diagnose-disk"),
        ("check", "nightly"),
    ):
        midwatch(here, *arguments)


def test_error_is_one_safe_line_whoever_prints_it(name: str) -> None:
    told = str(BadInput(f"There is no {name}", hint=f"Try {name}"))
    assert is_safe(told)
    assert "\n" not in told


class _Narrow:
    encoding = "ascii"

    def __init__(self) -> None:
        self.written = ""

    def write(self, text: str) -> int:
        text.encode("ascii")
        self.written += text
        return len(text)


def test_standard_streams_of_a_command_are_sanitized_also_in_ascii(name: str) -> None:
    narrow = _Narrow()
    stream = SafeStream(narrow)  # type: ignore[arg-type]
    write: Callable[[str], int] = stream.write
    assert write(f"line\n{name}–\n") == len(f"line\n{name}–\n")
    assert is_safe(narrow.written)
    assert narrow.written.startswith("line\n")
