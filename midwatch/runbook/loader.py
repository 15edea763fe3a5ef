"""Loads a runbook, applies the site file, and reports all problems of both files at once."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from midwatch.runbook.argument_checks import check_arguments
from midwatch.runbook.builder import build_runbook
from midwatch.runbook.cross_checks import check_whole
from midwatch.runbook.fields import Fields, Problems
from midwatch.runbook.model import Runbook
from midwatch.runbook.schema import RUNBOOK, SITE
from midwatch.runbook.secret_checks import check_defaults, check_text, without_secret_names
from midwatch.runbook.shapes import Shape
from midwatch.runbook.source import read_text, require_reachable
from midwatch.runbook.yaml_loader import Scalar, Table, parse_yaml
from midwatch.system.errors import BadInput, SourceLocation
from midwatch.system.trust import Trust

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
    problems = Problems()
    try:
        fields, sha256 = _read(path, RUNBOOK, problems, trust)
        site, site_trust = (site, None) if site else _default_site(path, environment, trust)
        overlay, site_sha256 = _read(site, SITE, problems, site_trust) if site else (None, "")
    except BadInput as error:
        raise RunbookErrors([*problems.found, error], more=problems.more) from error
    check_whole(fields, overlay, problems)
    file, site_file = _absolute(path), _absolute(site) if site else None
    base = (site_file or file).parent
    digests = {"sha256": sha256, "site_sha256": site_sha256}
    runbook = build_runbook(fields, overlay, file=file, site_file=site_file, base=base, **digests)
    check_arguments(fields, overlay, runbook, problems)
    if problems:
        raise RunbookErrors(problems.found, more=problems.more)
    return runbook


def _read(path: Path, shape: Shape, problems: Problems, trust: Trust | None) -> tuple[Fields, str]:
    text, sha256 = read_text(path, trust)
    node, found = parse_yaml(text, str(path))
    check_text(without_secret_names(text, node), path, problems)
    check_defaults(node, problems)
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
