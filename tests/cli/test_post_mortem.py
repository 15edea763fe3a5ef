"""The command `post-mortem`, and the bundle of the same incident, as an operator uses them after the closure."""

from __future__ import annotations

import subprocess
from pathlib import Path

from midwatch.incident.paths import IncidentFolder
from midwatch.reports.sections import TO_WRITE
from tests.reports import night
from tests.support.program import midwatch_text

RUNBOOK = """\
midwatch: 1
id: backup-failure
title: T
severity: SEV-1
phases:
  - title: P
    steps:
      - {id: why, title: S, instructions: Do it, expect: Done, questions: [{name: why_1, prompt: Why?}]}
"""


def incident_in(folder: Path) -> IncidentFolder:
    """A closed incident below `logs`, whose journal and runbook fit."""
    (folder / "runbook.yaml").write_text(RUNBOOK, encoding="utf-8")
    (folder / "logs" / "incidents").mkdir(parents=True)
    found = night.journal(folder / "logs" / "incidents", night.events())
    found.runbook.write_text(RUNBOOK, encoding="utf-8")
    return found


def test_post_mortem_is_written_again_and_moves_to_published_only_when_it_is_complete(tmp_path: Path) -> None:
    folder = incident_in(tmp_path)

    def said(*arguments: str, code: int = 0, zone: str = "America/New_York") -> str:
        found = midwatch_text("post-mortem", *arguments, cwd=tmp_path, environment={"TZ": zone})
        assert found.returncode == code, found.stderr
        return found.stdout + found.stderr

    assert "no post-mortem is written yet" in said()
    assert "is not written yet" in said("--status", "in-review", code=2)
    assert ": draft; " in said("--write", zone="Europe/Berlin")
    mine = folder.post_mortem.read_text().replace(f"lucky\n\n{TO_WRITE}", "lucky\n\nAda was awake.")
    folder.post_mortem.write_text(mine)
    assert ": in review; " in said("--status", "in-review")
    said("--write")
    assert "Ada was awake." in folder.post_mortem.read_text()
    assert "**Status:** in review since 20" in folder.post_mortem.read_text()
    assert " 02:00:07 | 03:00:07 CET | person | ada@bastion | Declared" in folder.post_mortem.read_text()
    folder.post_mortem.write_text(
        folder.post_mortem.read_text().replace("## Impact\n", f"## Impact\n\n{TO_WRITE}\n", 1)
    )
    assert "lacks: Impact" in said("--status", "published", "--url", "https://wiki.example/x", code=1)
    folder.post_mortem.write_text(mine)
    refused = said("--status", "published", "--url", "https://wiki.example/x", code=1)
    assert "lacks: " in refused
    assert "Open questions" in refused
    folder.post_mortem.write_text(mine.replace(TO_WRITE, "None."))
    said("--status", "published", "--url", "https://wiki.example/x")
    assert "published at https" in folder.post_mortem.read_text()
    assert "--url says where" in said("--url", "https://wiki.example/x", code=2)


def test_bundle_has_the_exports_for_readers_and_what_people_wrote(tmp_path: Path) -> None:
    folder = incident_in(tmp_path)
    folder.post_mortem.write_text("# Ours\n", encoding="utf-8")
    bundle = tmp_path / "bundle.tar.gz"
    made = midwatch_text("export", "--format", "bundle", "--no-sign", "-o", str(bundle), cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    assert bundle.stat().st_mode & 0o777 == 0o600
    names = subprocess.check_output(["tar", "-tzf", bundle], text=True, timeout=60).split()
    for name in ("timeline.md", "timeline.html", "timeline.json", "post-mortem.md", "post-mortem.html"):
        assert f"{folder.id}/exports/{name}" in names
    assert {f"{folder.id}/post-mortem.md", f"{folder.id}/environment.json", f"{folder.id}/SHA256SUMS"} <= {*names}
    refused = midwatch_text("export", "--format", "bundle", cwd=tmp_path)
    assert (refused.returncode, "--output FILE.tar.gz" in refused.stderr) == (2, True)
