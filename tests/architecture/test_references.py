"""Pages, decisions, sections, files and tests that the docs, docstrings and comments refer to exist."""

from __future__ import annotations

import functools
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXTS = ("*.py", "*.md", "*.yaml", "*.toml", "*.sh", "Makefile", ".ci/run")
DECISIONS = ROOT / "docs" / "decisions"
OUTSIDE = re.compile(r"\b(?:[Ii]ssue #?\d+|DESIGN|HOUSE(?= section|\.md|:)|FAULTS\b(?! =)|finding \d+)(?!\w)")
"""Plans and trackers that are not in this repository: whoever reads a comment cannot look them up."""
IN_CODE = re.compile(r"```.*?```", re.DOTALL)


@functools.cache
def tracked(*globs: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", *globs], capture_output=True, text=True, check=True, cwd=ROOT, timeout=60
    )
    return [path for name in listed.stdout.splitlines() if (path := ROOT / name).is_file() and path != Path(__file__)]


@functools.cache
def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def references(pattern: str | re.Pattern[str], *globs: str) -> Iterator[tuple[Path, re.Match[str]]]:
    for path in tracked(*globs or TEXTS):
        for match in re.finditer(pattern, text_of(path)):
            yield path, match


def said(path: Path, match: re.Match[str]) -> str:
    line = match.string.count("\n", 0, match.start()) + 1
    return f"{path.relative_to(ROOT)}:{line}: {match[0]}"


def slug(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
    return re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")


def anchors(page: Path) -> set[str]:
    text = IN_CODE.sub("", text_of(page))
    return {slug(heading) for heading in re.findall(r"^#{1,6} +(.+)$", text, re.MULTILINE)}


def test_pages_named_in_text_exist() -> None:
    named = list(references(r"(?<![\w./-])docs/[\w./-]*\w"))
    assert len(named) > 30
    assert [said(path, match) for path, match in named if not (ROOT / match[0]).exists()] == []


def test_pages_named_by_file_name_in_docs_exist() -> None:
    made = {"timeline.md", "post-mortem.md", "out.md", "handoff.md", "update.md"}
    named = references(r"(?<=`)[a-z0-9-]+\.md(?=`)", "docs/*.md")
    pages = {path.name for path in tracked("*.md")} | made
    assert [said(path, match) for path, match in named if match[0] not in pages] == []


def test_links_lead_to_files_and_sections_that_exist() -> None:
    links = list(references(r"\]\((?!https?://)([^)#\s]*)(?:#([^)\s]+))?\)", "*.md"))
    assert len(links) > 60
    broken = []
    for path, match in links:
        target = (path.parent / match[1]).resolve() if match[1] else path
        if not target.exists() or (match[2] and match[2] not in anchors(target)):
            broken.append(said(path, match))
    assert broken == []


def test_decisions_named_by_number_exist() -> None:
    numbers = {int(page.name[:4]) for page in DECISIONS.glob("[0-9]*.md")}
    named = references(r"\b[Dd]ecisions? (?:no\. ?)?0*(\d+)\b")
    assert [said(path, match) for path, match in named if int(match[1]) not in numbers] == []


def test_decisions_are_all_listed_and_numbered_once() -> None:
    pages = sorted(page.name for page in DECISIONS.glob("[0-9]*.md"))
    listed = re.findall(r"\((\d{4}-.+?\.md)\)", text_of(DECISIONS / "README.md"))
    assert sorted(listed) == pages
    assert len({name[:4] for name in pages}) == len(pages)


def test_text_of_the_project_refers_to_no_plan_or_tracker_outside() -> None:
    assert [said(path, match) for path, match in references(OUTSIDE)] == []


def test_source_files_named_in_text_exist() -> None:
    pattern = (
        r"(?<![\w./-])(?:actions|automation|bench|drill|midwatch|probes|screens|tests|tui)/[\w/-]+\.(?:py|sh|md)\b"
    )
    named = list(references(pattern))
    assert len(named) > 60
    wrong = [
        said(path, match)
        for path, match in named
        if not any((folder / match[0]).exists() for folder in (ROOT, ROOT / "tests", path.parent))
    ]
    assert wrong == []


def test_tests_named_in_docs_exist() -> None:
    written = {
        name
        for path in (ROOT / "tests").rglob("*.py")
        for names in re.findall(r"\bdef (test_\w+)|\bclass (Test\w+)|^(Test\w+) =", text_of(path), re.MULTILINE)
        for name in names
        if name
    } | {path.stem for path in (ROOT / "tests").rglob("test_*.py")}
    named = list(references(r"(?<=[`:])(?:test_\w+|Test[A-Z]\w+)(?=[`(\[])", "*.md"))
    assert len(named) > 150
    written.add("test_unit_condition_result")  # the rule of CONTRIBUTING
    assert [said(path, match) for path, match in named if match[0] not in written] == []
