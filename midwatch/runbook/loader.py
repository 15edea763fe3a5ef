"""Loads a runbook, applies the site file, and reports all problems of both files at once."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from midwatch.runbook.builder import build_runbook
from midwatch.runbook.fields import Fields, Problems
from midwatch.runbook.model import Risk, Runbook
from midwatch.runbook.schema import RUNBOOK, SITE
from midwatch.runbook.shapes import Shape
from midwatch.runbook.source import read_text, require_reachable
from midwatch.runbook.step_builder import RiskOf
from midwatch.runbook.yaml_loader import Node, Scalar, Table, parse_yaml
from midwatch.system.errors import BadInput, SourceLocation
from midwatch.system.trust import Trust

DocumentCheck = Callable[[str, Node, Path, Problems], None]
"""Says what is wrong with the text of a file and with what was read from it."""
_parse = functools.lru_cache(maxsize=4)(parse_yaml)
"""A start reads the operator's files and the incident's copies several times; they are parsed once."""
SITE_NAME = "site.yaml"
"""The site file that is used when it lies beside the runbook and no other is named."""


class RunbookErrors(BadInput):
    """Everything that is wrong with a runbook and its site file, in the order of the files; `str` gives a line each."""

    def __init__(self, errors: Sequence[BadInput], *, more: int = 0) -> None:
        self.errors = sorted(errors, key=_position)
        self.more = more
        """How many further errors are not listed."""
        first = self.errors[0]
        super().__init__(first.sentence, place=first.place, hint=first.hint)

    def __str__(self) -> str:
        lines = [str(error) for error in self.errors]
        return "\n".join([*lines, f"And {self.more} more errors"] if self.more else lines)


def load(
    path: Path, *, site: Path | None = None, environment: Mapping[str, str] | None = None, trust: Trust | None = None
) -> Runbook:
    """The runbook in this file, checked. Raises `RunbookErrors` and nothing else for anything that is wrong with it.

    `site`: the file with this place's targets, places, roles, panels and comms. Without it `$MIDWATCH_SITE` of
    `environment` (default: the process's) names one, empty for none; else `site.yaml` beside the runbook, when there.
    Relative paths start in the site file's folder, or without one in the runbook's. With `trust`, a runbook that
    somebody else could have made is refused, and so is a site file that was not named. Without `trust` the site file
    beside the runbook still has to be this user's, root's or the runbook's owner's. The digests are of the very bytes
    that were parsed.
    """
    from midwatch.runbook.action_lookup import risk_of
    from midwatch.runbook.argument_checks import check_arguments
    from midwatch.runbook.cross_checks import check_whole
    from midwatch.runbook.secret_checks import check_document

    problems = Problems()
    files = _read_both(path, site, environment, trust, problems, check_document)
    check_whole(files.fields, files.overlay, problems)
    runbook = files.build(risk_of)
    check_arguments(files.fields, files.overlay, runbook, problems)
    if problems:
        raise RunbookErrors(problems.found, more=problems.more)
    return runbook


def load_outline(
    path: Path, *, site: Path | None = None, environment: Mapping[str, str] | None = None, trust: Trust | None = None
) -> Runbook:
    """The runbook in this file as `load` reads it, before it is checked and without any plug-in: to be shown, not run.

    A step that leaves its risk to its action counts as `destroy`. Raises `RunbookErrors` for what cannot be read.
    """
    problems = Problems()
    files = _read_both(path, site, environment, trust, problems)
    if problems:
        raise RunbookErrors(problems.found, more=problems.more)
    return files.build(lambda action: Risk.DESTROY)


@dataclass(frozen=True, slots=True)
class _Files:
    """A runbook and its site file, as they were read."""

    path: Path
    fields: Fields
    sha256: str
    site: Path | None = None
    overlay: Fields | None = None
    site_sha256: str = ""

    def build(self, risk_of: RiskOf) -> Runbook:
        file, site_file = _absolute(self.path), _absolute(self.site) if self.site else None
        return build_runbook(
            self.fields,
            self.overlay,
            file=file,
            site_file=site_file,
            base=(site_file or file).parent,
            sha256=self.sha256,
            site_sha256=self.site_sha256,
            risk_of=risk_of,
        )


def _read_both(
    path: Path,
    site: Path | None,
    environment: Mapping[str, str] | None,
    trust: Trust | None,
    problems: Problems,
    check: DocumentCheck = lambda text, node, path, problems: None,
) -> _Files:
    try:
        fields, sha256 = _read(path, RUNBOOK, problems, trust, check)
        site, site_trust = (site, None) if site else _default_site(path, environment, trust)
        overlay, site_sha256 = _read(site, SITE, problems, site_trust, check) if site else (None, "")
    except BadInput as error:
        raise RunbookErrors([*problems.found, error], more=problems.more) from error
    return _Files(path, fields, sha256, site, overlay, site_sha256)


def _read(
    path: Path, shape: Shape, problems: Problems, trust: Trust | None, check: DocumentCheck
) -> tuple[Fields, str]:
    text, sha256 = read_text(path, trust)
    node, found = _parse(text, str(path))
    check(text, node, path, problems)
    for problem in found:
        problems.take(problem)
    first = shape.keys[0].name
    if not isinstance(node, Table) or first not in node.entries:
        other = isinstance(node, Table) and {"midwatch", "midwatch-site"} & set(node.entries)
        sentence = f"This is a {'site file, not a runbook' if shape is RUNBOOK else 'runbook, not a site file'}"
        run_on = isinstance(node, Scalar) and node.text.startswith(f"{first}:")
        hint = "Put a space after each colon" if run_on else f"Begin with: {first}: 1"
        raise BadInput(sentence if other else f"This is not a {shape.name}", place=node.place, hint=hint)
    version = node.entries[first].node
    if isinstance(version, Scalar) and isinstance(version.value, int) and version.value > 1:
        sentence = f"The file is written in version {version.value} of the format; this Midwatch reads version 1"
        raise BadInput(sentence, place=version.place, hint="Use a newer Midwatch")
    return shape.read(node, problems) or Fields(node.place), sha256


def there_by_environment(variable: str, environment: Mapping[str, str]) -> Path:
    """The file that a variable of the environment names. Raises `BadInput` that names the variable when it is not
    there."""
    path = Path(environment[variable])
    require_reachable(path)
    if not os.path.lexists(path):
        raise BadInput(f"${variable} names {path}, and there is no such file", hint="Unset it, or set it right")
    return path


def _default_site(path: Path, given: Mapping[str, str] | None, trust: Trust | None) -> tuple[Path | None, Trust | None]:
    """The site file of this runbook when none is named, and whose it may be."""
    environment = os.environ if given is None else given
    if "MIDWATCH_SITE" in environment:
        return (there_by_environment("MIDWATCH_SITE", environment) if environment["MIDWATCH_SITE"] else None), None
    beside = path.parent / SITE_NAME
    require_reachable(beside)
    if not os.path.lexists(beside):
        return None, None
    return beside, trust or Trust.of(os.geteuid(), path.stat().st_uid).shared().in_any_folder()


def _absolute(path: Path) -> Path:
    """Absolute without following links: a linked runbook belongs where the link is."""
    return Path(os.path.abspath(path))  # noqa: PTH100


def _position(error: BadInput) -> tuple[str, int, int]:
    place = error.place or SourceLocation("")
    return place.file, place.line, place.column
