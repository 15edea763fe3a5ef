"""The words that this project has retired are not used again: names of modules, identifiers, keys, kinds, commands."""

from __future__ import annotations

import io
import re
import subprocess
import tokenize
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
EXEMPT = (
    "midwatch/runbook/shapes.py",
    "midwatch/incident/events.py",
    "tests/runbook/test_malformed_runbook.py",
    "CHANGELOG.md",
)
"""The loader's table of old keys with its tests, and the kinds of journals that are refused."""


def words(text: str) -> frozenset[str]:
    return frozenset(text.split())


MODULES = words(
    """
    actions.audit actions.backup_choice actions.backup_sets actions.beside_backup actions.bound_servers
    actions.check_backup actions.check_disk actions.check_follow_ups actions.check_freeze actions.check_nightly
    actions.check_nightly_set actions.check_password actions.check_post_mortem actions.check_rca
    actions.check_services actions.confined_removal actions.deep_validation actions.dependents
    actions.docker_choice actions.dump_forecast actions.dump_manifest actions.dump_obstacles actions.dump_packing
    actions.dump_progress actions.dump_queue actions.dump_source actions.dump_stream actions.emergency_source
    actions.folder_identity actions.freed_space actions.freeze_file actions.globals_dump actions.incident_values
    actions.isolate_access actions.isolate_disk actions.isolate_logs actions.last_dump actions.lost_dumps
    actions.migration_checks actions.named_backup actions.nightly_dump actions.outside_command
    actions.password_candidates actions.pgpass actions.places.choice actions.places.folder actions.places.place
    actions.places.s3 actions.places.ssh actions.places.ssh_command actions.places.standard_output actions.plan_log
    actions.pre_checks actions.reading_along actions.recover_password actions.replication_facts
    actions.restore_password actions.restore_roles actions.restore_stream actions.restored_content
    actions.restored_database actions.restored_views actions.sealed actions.validation actions.write_rca
    drill.bases drill.choice drill.clutter drill.containers drill.containers_gone drill.dumps drill.history
    drill.image drill.janitor drill.logs drill.processes drill.record drill.removal midwatch.action midwatch.actor
    midwatch.aftermath midwatch.answers midwatch.approval midwatch.attempts midwatch.beckoning midwatch.catalogue
    midwatch.clock midwatch.closure midwatch.company midwatch.conductor midwatch.consent midwatch.consequences
    midwatch.console midwatch.control_client midwatch.door midwatch.driving midwatch.errors
    midwatch.export.chronology midwatch.export.facts midwatch.export.lessons midwatch.export.markdown
    midwatch.export.moments midwatch.export.moved midwatch.export.notes midwatch.export.post_mortem
    midwatch.export.rca midwatch.export.sections midwatch.export.signature midwatch.export.steps
    midwatch.export.timeline midwatch.file_systems midwatch.handover midwatch.headless midwatch.helm
    midwatch.hostile midwatch.incident.fold midwatch.incident.folder midwatch.incident.inspection
    midwatch.incident.lease midwatch.incident.lock midwatch.incident.modes midwatch.incident.shelf
    midwatch.incident.spare midwatch.incident.understood midwatch.inputs midwatch.journal.chain
    midwatch.journal.elsewhere midwatch.journal.gathered midwatch.journal.line midwatch.journal.part
    midwatch.journal.places midwatch.journal.reserve midwatch.journal.words midwatch.known_secrets midwatch.locks
    midwatch.masking midwatch.notebook midwatch.opening midwatch.pace midwatch.parameters midwatch.perform
    midwatch.person midwatch.pins midwatch.plain_output midwatch.plan midwatch.planning midwatch.probe
    midwatch.process midwatch.readings midwatch.reasons midwatch.record midwatch.redaction.encodings
    midwatch.redaction.known midwatch.redaction.projection midwatch.redaction.shapes midwatch.redaction.stream
    midwatch.rules midwatch.runbook.building midwatch.runbook.format midwatch.runbook.kinds midwatch.runbook.names
    midwatch.runbook.places midwatch.runbook.reader midwatch.runbook.yaml_faults midwatch.runbook.yaml_source
    midwatch.spool midwatch.status_update midwatch.supervisor.child midwatch.supervisor.descendants
    midwatch.supervisor.ending midwatch.supervisor.logout midwatch.supervisor.order midwatch.supervisor.supervise
    midwatch.supervisor.values midwatch.supervisor.watch midwatch.telling midwatch.timing midwatch.units
    midwatch.when probes.archive probes.archive_contents probes.archive_reading probes.backup_history
    probes.biggest probes.catalogue probes.checksums probes.compose probes.container_command probes.container_exec
    probes.container_health probes.container_input probes.deleted_open probes.disk_consumers probes.disk_trend
    probes.disk_usage probes.docker_engine probes.docker_panel probes.encryption probes.log_tail probes.manifest
    probes.migration_readiness probes.passage probes.postgres.scratch probes.postgres.scratch_container
    probes.server_log probes.server_log_formats probes.time_limit screens.approve screens.cancel screens.closure
    screens.company screens.confirm screens.correct screens.decisions screens.declare screens.deeds screens.desk
    screens.drawing screens.footer screens.handoff screens.help screens.incidents screens.keyed screens.leave
    screens.live screens.live_page screens.looks screens.note screens.output screens.output_elsewhere
    screens.output_search screens.page screens.palette screens.panel_page screens.reason screens.running
    screens.settings screens.severity screens.tell screens.tick screens.timeline screens.timeline_screen
    screens.update screens.wheel screens.widgets.ages screens.widgets.aside screens.widgets.beneath
    screens.widgets.choice screens.widgets.history screens.widgets.keyed screens.widgets.line
    screens.widgets.page_parts screens.widgets.panel_lines screens.widgets.panel_page_lines
    screens.widgets.panel_state screens.widgets.panel_strip screens.widgets.pen screens.widgets.plot
    screens.widgets.prose screens.widgets.quiet screens.widgets.rows screens.widgets.sheet
    screens.widgets.step_past screens.widgets.top_line tui.declare_app tui.files tui.keys tui.left_clean
    tui.line_driver tui.lines.answering tui.lines.company tui.lines.deciding tui.lines.declaring
    tui.lines.following tui.lines.front tui.lines.session tui.lines.teletype tui.lines.telling
    tui.lines.typed_ahead tui.lines.words tui.lines.writing tui.picture tui.settings tui.shown tui.theme tui.themed
    tui.turns tui.typed tui.where tui.with_screen tui.without_screen
    """
)

IDENTIFIERS = words(
    """
    conductor _conductor teletype _teletype
    Aftermath Ask Attendance BackupChoice BucketWriting CheckNightly CheckRca Company Conductor Criterion
    DeletedOpen DeskInMemory Door FolderWriting Helm IsolateAccess IsolateDisk IsolateLogs LineDriver LivePage
    Lookout LostDump Notebook Outside Pace PageParts Person Place PreChecks Pulse QueueWatch Ran ReadingAlong
    RecoverPassword RestorePassword ScratchRestore ShapeTrack Sight Spool SshWriting StandardOutputWriting
    TakeWheel TellForm TestWheel ThemedApp Wheel WriteRca Writing _Guest _bring_back _by_offer _learn_secrets
    _look_what_is_required _make_den _name_places _name_unmasked _open_door _tell_who_watches ask_approval
    ask_for_wheel ask_of await_silence be_given_wheel beating begin_at conductor_module escalation_owed
    find_place in_place_of_a_silent_one journal_words look_again_at look_if_needed look_now may_ask_approval
    may_begin_at may_close may_decide may_go_with may_go_without may_judge may_start may_tick may_undo
    may_verify name_places newest_sealed next_deed offer_wheel places_of read_sealed readings_owed run_outside
    scratch_place scratch_server set_up_drawing settled_at steady_now strip_cell take_wheel to_tell way_to_wheel
    words_owed write_whole
    """
)

KEYS = words(
    """
    as_written ask escalate instead moves needs places require second_journal two_people
    """
)

KINDS = words(
    """
    journal.joined journal.lost journal.moved journal.places room.given secrets.unmasked step.failed step.ticked
    step.verified wheel.asked words.corrected
    """
)

ACTIONS = words(
    """
    export-rca isolate-access isolate-disk isolate-logs pre-checks publish-rca rca-published recover-password
    restore-password write-rca
    """
)

PHRASES = re.compile(r"(?<![\w./])places\.[a-z_]+(?![\w(])|at its door|--sealed\b|\bjanitor\b")
"""Retired words that stand in hints, comments, pages and scripts, where no name of Python shows them."""


def tracked(*globs: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", *globs], capture_output=True, text=True, check=True, cwd=ROOT, timeout=60
    )
    names = [
        name for name in listed.stdout.splitlines() if name not in EXEMPT and not name.startswith("docs/pictures/")
    ]
    return [
        ROOT / name for name in names if (ROOT / name).resolve() != Path(__file__).resolve() and (ROOT / name).is_file()
    ]


def names_in(path: Path) -> set[str]:
    text = path.read_text(encoding="utf-8")
    if not IDENTIFIERS.intersection(re.findall(r"\w+", text)):  # tokens take long
        return set()
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return {token.string for token in tokens if token.type == tokenize.NAME}


def test_retired_identifiers_in_python_are_gone() -> None:
    found = {str(path.relative_to(ROOT)): sorted(names_in(path) & IDENTIFIERS) for path in tracked("*.py")}
    assert {path: names for path, names in found.items() if names} == {}


def test_retired_modules_are_imported_nowhere() -> None:
    dotted = re.compile(r"(?<![\w./-])[a-z]\w*(?:\.\w+)+(?![\w-])(?!\.(?:py|md|log)\b)")
    found = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in tracked("*.py", "*.toml")
        for match in dotted.finditer(path.read_text("utf-8"))
        if not match[0].endswith((".py", ".md", ".log")) and prefixes(match[0]) & MODULES
    ]
    assert found == []


def prefixes(dotted: str) -> set[str]:
    parts = dotted.split(".")
    return {".".join(parts[:end]) for end in range(2, len(parts) + 1)}


def test_retired_files_are_named_nowhere() -> None:
    files = {module.replace(".", "/") + ".py" for module in MODULES}
    found = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in tracked("*.py", "*.md", "*.toml")
        for name in re.findall(r"(?<![\w./-])[\w/]+\.py", path.read_text("utf-8"))
        if name in files
    ]
    assert found == []


def keys_of(node: object) -> set[str]:
    if isinstance(node, dict):
        return set(node).union(*(keys_of(value) for value in node.values()))
    return set().union(*map(keys_of, node)) if isinstance(node, list) else set()


def test_retired_keys_stand_in_no_runbook() -> None:
    text = (ROOT / "runbook.yaml").read_text(encoding="utf-8")
    runbook = yaml.load(text, Loader=yaml.CSafeLoader)  # libyaml, as the loader of runbooks uses
    assert sorted(keys_of(runbook) & KEYS) == []


def test_retired_keys_are_explained_in_no_page() -> None:
    text = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
    assert sorted(key for key in KEYS if f"| `{key}` |" in text) == []


def test_retired_kinds_of_events_are_gone() -> None:
    pattern = re.compile(r"(?<![\w./])(" + "|".join(map(re.escape, sorted(KINDS))) + r")(?=[`\"'])")
    found = [
        f"{path.relative_to(ROOT)}: {match[1]}"
        for path in tracked("*.py", "*.md")
        for match in pattern.finditer(path.read_text("utf-8"))
    ]
    assert found == []


def test_retired_names_of_actions_are_gone() -> None:
    pattern = re.compile(r"(?<=[`\"' ])(" + "|".join(map(re.escape, sorted(ACTIONS - {"pre-checks"}))) + r")(?![\w-])")
    found = [
        f"{path.relative_to(ROOT)}: {match[1]}"
        for path in tracked("*.py", "*.md", "*.yaml", "*.toml", "*.sh")
        for match in pattern.finditer(path.read_text("utf-8"))
    ]
    assert found == []


def test_retired_phrases_stand_in_no_hint_comment_or_page() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in tracked("*.py", "*.md", "*.yaml", "*.sh")
        for line in path.read_text("utf-8").splitlines()
        if PHRASES.search(line)
    ]
    assert found == []
