"""The example docs/examples/certificates.yaml from its declaration to a closed incident, by each front end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from midwatch.engine.repository import find
from midwatch.incident.events import EventKind
from midwatch.journal.reader import read
from tests.support.certificates import FOLLOW_UPS, HOSTS, TEXTS, incident, load_balancer, set_up
from tests.support.program import midwatch

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _incident_that_closes(here: Path) -> Iterator[None]:
    """What each front end has to have brought about."""
    set_up(here)
    with load_balancer(here):
        yield
    state, events = incident(here), read(find(here / "logs", "latest").journal)
    assert state.word == "closed"
    assert [state.criteria[name].met for name in state.criteria] == [True, True, True]
    assert {state.steps[f"deploy[{host}]"].status.value for host in HOSTS} == {"done"}
    assert [event.body["exit"] for event in events if event.kind == EventKind.TRIED] == [4]
    assert list(state.marks) == ["acknowledged", "mitigated"]
    assert midwatch("verify", cwd=here).returncode == 0
    written = midwatch("export", cwd=here).stdout.decode()
    assert f"Put {state.steps['renew'].values['serial']} on web2" in written


def test_headless_run_closes_it(here: Path) -> None:
    texts = "".join(f"      {name}: {text}\n" for name, text in TEXTS.items())
    answers = f"""\
inputs: {{ticket: OPS-4711}}
default_manual: {{note: done}}
manual:
  assess: {{values: {{users: "yes", leaked: "no", impact: A warning in every browser}}}}
  write-root-cause:
    values:
{texts}  assign-follow-ups: {{values: {{follow_ups: "{FOLLOW_UPS}"}}}}
confirm: {{purge-logs: loghost1}}
"""
    (here / "answers.yaml").write_text(answers, encoding="utf-8")
    done = midwatch("run", "runbook.yaml", "--headless", "--answers", "answers.yaml", cwd=here)
    assert done.returncode == 0, (done.stdout + done.stderr).decode()
