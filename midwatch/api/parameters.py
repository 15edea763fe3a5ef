"""Parameters of actions and probes: dataclass fields, filled from YAML, the command line or a plan.

The annotation of the field is the type of the parameter: `str`, `int`, `bool`, `Path`, `Percent`, `Size`, `Seconds`,
`Target` (written as its name), a `tuple[...]` of one of these types, or `Mapping[str, str]`. The text forms of
quantities are those of `midwatch.system.units`: `80 %`, `124 MB` (decimal), `30 min`.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from midwatch.runbook.model import Runbook
from midwatch.runbook.targets import Target
from midwatch.system.errors import BadInput
from midwatch.system.shortened import shortened
from midwatch.system.suggestion import suggest
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
    dict: "a table of names and values",
}


class BadParameter(BadInput):
    """A parameter is unknown, is missing or has the wrong form; `name` is the name of the parameter."""

    def __init__(self, name: str, sentence: str, *, hint: str = "") -> None:
        super().__init__(sentence, hint=hint)
        self.name = name


@dataclass(frozen=True, slots=True)
class Parameter:
    """The description of one parameter of an action or probe."""

    name: str
    kind: type
    """The type of the value, or of each value when `many`."""
    many: bool
    """Whether the parameter takes a list."""
    required: bool
    default: Any
    help: str
    """One sentence for `--help` and for the reference page."""
    least: int = 0
    """The smallest whole number that the parameter accepts."""
    literal: bool = False
    """Whether a runbook has to write the value, so that it never comes from a step or a person: true of code."""

    @property
    def option(self) -> str:
        """The name as a command-line option, without the dashes: `keep-at-least`."""
        return self.name.replace("_", "-")

    @property
    def accepts(self) -> str:
        """The accepted values as text for people: `a size such as '124 MB'`."""
        word = f"{_WORDS[int]}, {self.least} or more" if self.kind is int else _WORDS[self.kind]
        return f"a list, each {word}" if self.many else word


def param(help: str, *, default: Any = _MISSING, least: int = 0, literal: bool = False, kw_only: bool = False) -> Any:
    """Declare a dataclass field as a parameter.

    Args:
        help: One sentence for `--help` and for the reference page.
        default: The value when none is given; without a default the parameter is required.
        least: The smallest whole number that the parameter accepts.
        literal: Whether a runbook has to write the value; no step and no input can give it.
        kw_only: Whether Python code gives the value by name only, so that a base class may have a default.

    Returns:
        The dataclass field.
    """
    metadata = {"help": help, "least": least, "literal": literal}
    given = {} if default is _MISSING else {"default": default}
    if kw_only:  # said only when it is so: a False would overrule a class whose fields are all given by name
        given["kw_only"] = True
    return dataclasses.field(metadata=metadata, **given)


_known: dict[type, tuple[Parameter, ...]] = {}


def parameters_of(cls: type) -> tuple[Parameter, ...]:
    """Describe the parameters of an action or probe class.

    Args:
        cls: A dataclass, usually a subclass of `Action` or `Probe`.

    Returns:
        The parameters in the order of the fields, those that the class shares with others last.
    """
    if cls not in _known:
        _known[cls] = _described(cls)
    return _known[cls]


def _described(cls: type) -> tuple[Parameter, ...]:
    hints, own = typing.get_type_hints(cls), inspect.get_annotations(cls)
    found = []
    for item in sorted(dataclasses.fields(cls), key=lambda item: item.name not in own):
        kind, many = hints[item.name], False
        if typing.get_origin(kind) in (typing.Union, types.UnionType):
            kind = next(arm for arm in typing.get_args(kind) if arm is not type(None))
        if typing.get_origin(kind) is Mapping:
            kind = dict
        if typing.get_origin(kind) is tuple:
            kind, many = typing.get_args(kind)[0], True
        required = item.default is _MISSING and item.default_factory is _MISSING
        default = None if item.default is _MISSING else item.default
        given = {"help": "", **item.metadata}
        found.append(Parameter(item.name, kind, many, required, default, **given))
    return tuple(found)


def build(cls: type[T], given: Mapping[str, Any], runbook: Runbook) -> T:
    """Create an action or probe from raw values.

    Args:
        cls: The dataclass to create.
        given: YAML scalars or text, by name of parameter.
        runbook: Relative paths are resolved against this runbook, and targets are found in it.

    Returns:
        An instance of `cls`.

    Raises:
        BadParameter: A parameter is unknown, is missing or has the wrong form.
    """
    known = {p.name: p for p in parameters_of(cls)}
    for name in given:
        if name not in known:
            hint = suggest(name, known, "It takes")
            raise BadParameter(name, f"Unknown parameter {name!r}", hint=hint)
    values: dict[str, Any] = {}
    for name, parameter in known.items():
        if name in given:
            values[name] = convert(parameter, given[name], runbook)
        elif parameter.required:
            raise BadParameter(name, f"The parameter {name!r} is missing", hint=f"It takes {parameter.accepts}")
    return cls(**values)


def convert(parameter: Parameter, value: Any, runbook: Runbook) -> Any:
    """Convert one raw value to the type of the parameter.

    Args:
        parameter: The description of the parameter.
        value: A YAML scalar, a list, or text. The text of a list separates its values by commas.
        runbook: Relative paths are resolved against this runbook, and targets are found in it.

    Returns:
        The converted value; a tuple when the parameter takes a list.

    Raises:
        BadParameter: The value has the wrong form.
    """
    if not parameter.many:
        return _one(parameter, value, runbook)
    items = (
        value if isinstance(value, list | tuple) else [part.strip() for part in str(value).split(",") if part.strip()]
    )
    return tuple(_one(parameter, item, runbook) for item in items)


def _one(parameter: Parameter, value: Any, runbook: Runbook) -> Any:
    def wrong(hint: str = "") -> BadParameter:
        given = "a table" if isinstance(value, Mapping) else repr(shortened(value) if isinstance(value, str) else value)
        sentence = f"The parameter {parameter.name!r} takes {parameter.accepts}, not {given}"
        return BadParameter(parameter.name, sentence, hint=hint)

    kind = parameter.kind
    if kind is bool:
        if isinstance(value, bool):
            return value
        if value in ("true", "false"):
            return value == "true"
        raise wrong()
    if kind is dict:
        table = _read_table(value)
        if table is None:
            raise wrong('On a command line, write it like {"HOST": "web1"}')
        return MappingProxyType(table)
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


def _read_table(value: Any) -> dict[str, str] | None:
    """The names and values of a table, or of a JSON object as text; None for anything else."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return None
    if not isinstance(value, Mapping) or not all(isinstance(inner, str | int | float) for inner in value.values()):
        return None
    return {str(name): as_text(inner) for name, inner in value.items()}


def find_target(runbook: Runbook, name: str, parameter: str = "target") -> Target:
    """Find a target of the runbook by its exact name.

    Args:
        runbook: The runbook that defines the targets.
        name: The exact name of the target.
        parameter: The name of the parameter for the error.

    Returns:
        The target.

    Raises:
        BadParameter: No target has this name. The hint suggests a similar name.
    """
    if name in runbook.targets:
        return runbook.targets[name]
    hint = suggest(name, runbook.targets, "Targets")
    raise BadParameter(parameter, f"There is no target {name!r}", hint=hint)


def as_text(value: Any) -> str:
    """Format the value of a parameter as text for plans and command lines.

    Args:
        value: A value of one of the types of parameters.

    Returns:
        Text that `build` reads back: percentages as `80 %`, times in seconds as `90 s`, sizes in bytes.
    """
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
    if isinstance(value, Mapping):
        return json.dumps(dict(value), ensure_ascii=False, sort_keys=True)
    if isinstance(value, tuple | list):
        return ",".join(as_text(item) for item in value)
    return str(value)
