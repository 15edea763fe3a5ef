"""Parameters of actions and probes: dataclass fields, filled from YAML, the command line or a plan.

A parameter's annotation says what it accepts: `str`, `int`, `bool`, `Path`, `Percent`, `Size`, `Seconds`,
`Target` (by name), or a `tuple[...]` of one of these.
"""

from __future__ import annotations

import dataclasses
import difflib
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from midwatch.runbook.model import Runbook, Target
from midwatch.system.errors import BadInput
from midwatch.system.units import Percent, Seconds, Size

T = TypeVar("T")
_MISSING = dataclasses.MISSING
_WORDS = {
    str: "text",
    int: "a whole number",
    bool: "true or false",
    Path: "a path",
    Percent: "a percentage such as '80 %'",
    Size: "a size such as '124 MB'",
    Seconds: "a length of time such as '30 min'",
    Target: "the name of a target",
}


class BadParameter(BadInput):
    """A parameter is unknown, missing or of the wrong form; `name` says which."""

    def __init__(self, name: str, sentence: str, *, hint: str = "") -> None:
        super().__init__(sentence, hint=hint)
        self.name = name


@dataclass(frozen=True, slots=True)
class Parameter:
    """What one parameter is called, accepts and means."""

    name: str
    kind: type
    many: bool
    required: bool
    default: Any
    help: str
    least: int = 0
    """The smallest whole number that it takes."""

    @property
    def option(self) -> str:
        """The name as a command-line option, without the dashes: `keep-at-least`."""
        return self.name.replace("_", "-")

    @property
    def accepts(self) -> str:
        """What it accepts, in words."""
        word = f"{_WORDS[int]}, {self.least} or more" if self.kind is int else _WORDS[self.kind]
        return f"a list, each {word}" if self.many else word


def param(help: str, *, default: Any = _MISSING, least: int = 0) -> Any:
    """A dataclass field that is a parameter; without `default` it must be given. A whole number is `least` or more."""
    return dataclasses.field(
        metadata={"help": help, "least": least}, **({} if default is _MISSING else {"default": default})
    )


def parameters_of(cls: type) -> tuple[Parameter, ...]:
    """The parameters of an action or probe class, in order."""
    hints = typing.get_type_hints(cls)
    found = []
    for item in dataclasses.fields(cls):
        kind, many = hints[item.name], False
        if typing.get_origin(kind) in (typing.Union, types.UnionType):
            kind = next(arm for arm in typing.get_args(kind) if arm is not type(None))
        if typing.get_origin(kind) is tuple:
            kind, many = typing.get_args(kind)[0], True
        required = item.default is _MISSING and item.default_factory is _MISSING
        default = None if item.default is _MISSING else item.default
        help_, least = item.metadata.get("help", ""), item.metadata.get("least", 0)
        found.append(Parameter(item.name, kind, many, required, default, help_, least))
    return tuple(found)


def build(cls: type[T], given: Mapping[str, Any], runbook: Runbook) -> T:
    """Make `cls` from raw values (YAML scalars or text). Raises `BadParameter` that names the parameter."""
    known = {p.name: p for p in parameters_of(cls)}
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"Did you mean {near[0]!r}?" if near else f"It takes: {', '.join(known) or 'nothing'}"
            raise BadParameter(name, f"Unknown parameter {name!r}", hint=hint)
    values: dict[str, Any] = {}
    for name, parameter in known.items():
        if name in given:
            values[name] = convert(parameter, given[name], runbook)
        elif parameter.required:
            raise BadParameter(name, f"The parameter {name!r} is missing", hint=f"It takes {parameter.accepts}")
    return cls(**values)


def convert(parameter: Parameter, value: Any, runbook: Runbook) -> Any:
    """One raw value as what the parameter takes. Raises `BadParameter`."""
    if not parameter.many:
        return _one(parameter, value, runbook)
    items = (
        value if isinstance(value, list | tuple) else [part.strip() for part in str(value).split(",") if part.strip()]
    )
    return tuple(_one(parameter, item, runbook) for item in items)


def _one(parameter: Parameter, value: Any, runbook: Runbook) -> Any:
    def wrong(hint: str = "") -> BadParameter:
        sentence = f"The parameter {parameter.name!r} takes {parameter.accepts}, not {value!r}"
        return BadParameter(parameter.name, sentence, hint=hint)

    kind = parameter.kind
    if kind is bool:
        if isinstance(value, bool):
            return value
        if value in ("true", "false"):
            return value == "true"
        raise wrong()
    if isinstance(value, bool | list | tuple | dict) or value is None:
        raise wrong()
    text = str(value)
    if kind is Target:
        return find_target(runbook, text, parameter.name)
    if kind is Path:
        return runbook.resolve(text)
    if kind is int:
        try:
            number = int(text)
        except ValueError:
            raise wrong() from None
        if number < parameter.least:
            raise wrong()
        return number
    if issubclass(kind, Percent | Size | Seconds):
        try:
            return kind.parse(text)
        except ValueError as error:
            raise wrong(str(error)) from None
    return text


def find_target(runbook: Runbook, name: str, parameter: str = "target") -> Target:
    """The target with exactly this name; a near name is suggested, never taken."""
    if name in runbook.targets:
        return runbook.targets[name]
    near = difflib.get_close_matches(name, runbook.targets, n=1)
    hint = f"Did you mean {near[0]!r}?" if near else f"Targets: {', '.join(runbook.targets) or 'none are defined'}"
    raise BadParameter(parameter, f"There is no target {name!r}", hint=hint)


def as_text(value: Any) -> str:
    """A parameter's value as text that `build` reads back: how it goes into a plan and onto a command line."""
    if isinstance(value, Target):
        return value.name
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Percent):
        return f"{float(value):g} %"
    if isinstance(value, Seconds):
        return f"{float(value):g} s"
    if isinstance(value, Size):
        return f"{int(value)}"
    if isinstance(value, tuple | list):
        return ",".join(as_text(item) for item in value)
    return str(value)
