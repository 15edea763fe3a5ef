"""What a good runbook becomes: defaults, the site laid over it, places."""

from __future__ import annotations

import hashlib
from pathlib import Path

from midwatch.runbook.condition_forms import AnswerIs, Outcome, OutcomeIs
from midwatch.runbook.loader import load
from midwatch.runbook.locations import LOCATIONS
from midwatch.runbook.model import Risk, StepKind
from midwatch.runbook.severity import Severity
from midwatch.runbook.targets import Dependent, ExternalCommand, TargetKind
from midwatch.runbook.value_sources import Question, Reference
from tests.runbook.small_actions import Loaded
from tests.support.runbook_texts import BOOK


def test_runbook_with_short_forms_gets_its_defaults(loaded: Loaded, tmp_path: Path) -> None:
    book = loaded(BOOK)
    assert (book.id, book.title, book.severity) == ("trial", "Trial", Severity.SEV2)
    assert book.sha256 == hashlib.sha256(BOOK.encode()).hexdigest()
    assert (book.file, book.site, book.base) == (tmp_path / "r.yaml", None, tmp_path)
    assert book.comms.update_every == 900
    assert book.location_of("logs") == tmp_path / "protocol"
    assert set(book.locations) == set(LOCATIONS)
    assert [phase.id for phase in book.phases] == ["look-around", "go-home"]
    assert [step.number for step in book.steps()] == ["4.1", "4.2", "4.3", "2.1"]
    asking, sweep, count, lock = book.steps()
    assert asking.kind is StepKind.MANUAL
    assert asking.questions == (Question("hurt", "Does it hurt?", "yes-no", True),)
    assert asking.notify == ("boss",)
    assert (sweep.id, sweep.kind, sweep.risk, sweep.timeout) == ("sweep-80-of-it", StepKind.USES, Risk.DESTROY, 90.0)
    assert dict(sweep.with_) == {"target": "db", "keep": 3, "paths": ("a", "/b")}
    assert sweep.when == AnswerIs((Reference("ask-it", "hurt"),), ("yes",))
    assert sweep.on_failure.raise_severity is Severity.SEV0
    assert dict(count.env) == {"A": "1", "B": "true", "C": Reference("sweep-80-of-it", "left")}
    assert count.place.line == BOOK[: BOOK.index("{title: Count")].count("\n") + 1
    assert lock.when == OutcomeIs(Outcome.FAILED, ("count", "sweep-80-of-it"))
    assert lock.optional
    assert book.triggers[0].match == "\\[ERROR\\]"
    assert book.closure[0].id == "the-level-is-low"


def test_site_lies_over_the_runbook_entry_by_entry(loaded: Loaded, tmp_path: Path) -> None:
    site = """\
midwatch-site: 1
targets:
  db: {kind: docker, database: app2}
  other: {kind: local, socket: /run/pg, database: o}
roles: {second: {name: Second}}
comms: {channel: "#there"}
locations: {backups: /mnt/b, pg_bin: }
panels: {gauge: {paths: x}}
"""
    book = loaded(BOOK, site=site)
    assert book.site == tmp_path / "site.yaml"
    assert list(book.targets) == ["db", "other"]
    db = book.targets["db"]
    assert (db.kind, db.container, db.database, db.host, db.label) == (TargetKind.DOCKER, "db", "app2", "", "db")
    assert list(book.roles) == ["boss", "second"]
    assert (book.comms.channel, book.comms.update_every) == ("#there", 900)
    assert (book.locations["backups"], book.locations["logs"], book.locations["pg_bin"]) == ("/mnt/b", "protocol", "")
    assert dict(book.panels[0].with_) == {"paths": "x"}


def test_relative_paths_start_in_the_sites_folder(loaded: Loaded, tmp_path: Path) -> None:
    loaded(BOOK)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "here.yaml").write_text("midwatch-site: 1\n")
    for book in (
        load(tmp_path / "r.yaml", site=elsewhere / "here.yaml", environment={}),
        load(tmp_path / "r.yaml", environment={"MIDWATCH_SITE": str(elsewhere / "here.yaml")}),
    ):
        assert (book.base, book.site) == (elsewhere, elsewhere / "here.yaml")
        assert book.location_of("logs") == elsewhere / "protocol"


def test_linked_runbook_belongs_where_the_link_is(loaded: Loaded, tmp_path: Path) -> None:
    loaded(BOOK)
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "r.yaml").symlink_to(tmp_path / "r.yaml")
    assert load(tmp_path / "links" / "r.yaml").base == tmp_path / "links"


def test_target_names_its_dependents_and_its_password_stores(loaded: Loaded) -> None:
    given = (
        "{kind: local, host: localhost, database: app, version: 15, extensions: [pg_trgm, postgis 3.4], log: pg.log, "
        "secret_store: {command: keep it}, dependents: [{name: API, tcp: 'h:80'}, {name: job, command: ./ask, "
        "timeout: 9 s}]}"
    )
    target = loaded(BOOK.replace("{kind: local, host: localhost, database: app}", given)).targets["db"]
    assert target.secret_store == ExternalCommand("keep it", 30.0)
    assert target.dependents == (Dependent("API", tcp="h:80"), Dependent("job", command="./ask", timeout=9.0))
    assert (target.version, target.extensions, target.log) == ("15", ("pg_trgm", "postgis 3.4"), "pg.log")
