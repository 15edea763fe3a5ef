"""`midwatch note --stdin`: events of another machine come into the timeline, whoever drives or nobody."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

from midwatch.engine.incident_controller import IncidentController
from midwatch.runbook.loader import load
from tests.support.people import HER, RUNBOOK, Someone, User, share
from tests.support.program import midwatch
from tests.support.two_user_place import place, users
from tests.support.users import needs_root

__all__ = ["place", "users"]  # fixtures
LINES = b"""\
{"text": "deploy 812 began", "at": "2026-01-02T03:04:05Z"}

not JSON
{"text": "deploy 812 failed", "at": "2026-01-02T03:05:05Z", "url": "https://ci.example.org/812"}
"""


def told(controller: IncidentController) -> list[tuple[str, str, str]]:
    controller.poll()
    notes = [event.body for event in controller.events if event.body.get("source")]
    return [(note["text"], note["at"], note["by"]) for note in notes]


def test_good_lines_are_kept_and_bad_ones_named_with_a_driver_and_without(here: Path) -> None:
    (here / "runbook.yaml").write_text(RUNBOOK, encoding="utf-8")
    controller = IncidentController.declare(load(here / "runbook.yaml"), actor=HER)
    done = midwatch("note", "--stdin", "--source", "ci", cwd=here, stdin=LINES)
    assert (done.returncode, done.stderr[:28]) == (2, b"midwatch: line 3: it is not ")
    assert done.stdout == f"2 notes from ci in {controller.folder.id}.\n".encode()
    assert [(text, at) for text, at, _ in told(controller)] == [
        ("deploy 812 began", "2026-01-02T03:04:05.000000Z"),
        ("deploy 812 failed", "2026-01-02T03:05:05.000000Z"),
    ]
    controller.leave()
    done = midwatch("note", "--stdin", "--source", "monitoring", cwd=here, stdin=b'{"text": "recovered"}')
    assert (done.returncode, done.stderr) == (0, b"")
    controller = IncidentController.resume(controller.folder, actor=HER)
    assert told(controller)[-1][0] == "recovered"
    controller.abandon("a test")
    done = midwatch("note", "--stdin", "--source", "ci", cwd=here, stdin=LINES)
    assert done.returncode == 1
    assert done.stderr.count(b"\n") == 1


@needs_root
def test_member_of_the_group_puts_notes_through_the_driver_and_a_stranger_cannot(
    place: Path, users: tuple[User, User]
) -> None:
    share(place, 0o2750)
    controller = IncidentController.declare(load(place / "runbook.yaml"), actor=HER)
    member, stranger = users
    folder = controller.folder

    def send() -> str:
        from midwatch.engine.source_notes import request_notes

        return json.dumps(request_notes(folder, "ci", [{"text": "by a member"}, {"text": 7}]).refused[1])

    colleague, foreigner = Someone(member, partial(send)), Someone(stranger, partial(send), group=False)
    assert "text has to be a text" in colleague.do()
    assert foreigner.do().startswith("Failed: ")
    assert [(text, by) for text, _, by in told(controller)] == [("by a member", member.name)]
    colleague.end()
    foreigner.end()
    controller.leave()
