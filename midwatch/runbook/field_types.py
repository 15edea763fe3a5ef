"""The types of single values in a runbook: text, names, words, numbers, lengths of time."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from midwatch.runbook.fields import Problems
from midwatch.runbook.measures import Measure
from midwatch.runbook.shapes import FieldType, Schema, described, listed
from midwatch.runbook.yaml_loader import Node, Scalar
from midwatch.system.shortened import shortened
from midwatch.system.suggestion import suggest
from midwatch.system.units import Seconds

# Whole numbers are let in as text, since `section: 3` and `section: "3"` mean the same to whoever writes it.
_TEXT: Schema = {"type": ["string", "number"]}
_LONGEST_TIME = 7 * 86400.0


@dataclass(frozen=True)
class Text(FieldType):
    """Text of any length; `single`: of one line."""

    single: bool = False
    empty: bool = False

    def read(self, node: Node, problems: Problems) -> str | None:
        """Return the text, or report a problem and return None."""
        if not isinstance(node, Scalar) or isinstance(node.value, bool) or (node.value is None and not self.empty):
            empty = isinstance(node, Scalar) and node.value is None
            hint = "Write one, or take the key out" if empty else "Put it in quotes"
            problems.add(f"This takes text, not {described(node)}", node.place, hint)
            return None
        if self.single and "\n" in node.text.strip():
            problems.add(f"This takes one line, not {len(node.text.strip().splitlines())}", node.place)
            return None
        text = node.text.strip() if self.single else node.text
        if not text and not self.empty:
            problems.add("This text is empty", node.place, "Write one, or take the key out")
            return None
        return text

    def schema(self) -> Schema:
        """Return the JSON Schema of the text."""
        return {"type": ["string", "number", "null"]} if self.empty else dict(_TEXT)


@dataclass(frozen=True)
class Name(FieldType):
    """A name made of certain characters only."""

    pattern: str
    rule: str
    """What it is made of, in words."""
    most: int = 64

    def read(self, node: Node, problems: Problems) -> str | None:
        """Return the name, or report a problem and return None."""
        if not isinstance(node, Scalar) or node.value is None or isinstance(node.value, bool):
            problems.add(f"This takes a name, not {described(node)}", node.place)
            return None
        if len(node.text) > self.most or not re.fullmatch(self.pattern, node.text):
            problems.add(
                f"{shortened(node.text)!r} is not a name here", node.place, f"It takes {self.rule}, {self.most} at most"
            )
            return None
        return node.text

    def schema(self) -> Schema:
        """Return the JSON Schema of the name."""
        return {**_TEXT, "pattern": f"^(?:{self.pattern})$", "maxLength": self.most}


ID = Name("[a-z0-9]+(?:-[a-z0-9]+)*", "lower-case letters, digits and single dashes")
TARGET = Name("[A-Za-z0-9][A-Za-z0-9_.-]*", "letters, digits, dots, dashes and underscores", 128)
VARIABLE = Name("[A-Za-z_][A-Za-z0-9_]*", "letters, digits and underscores, no digit first")
OUTPUT = Name("[A-Za-z_][A-Za-z0-9_.-]*", "letters, digits, underscores, dots and dashes, no digit first")
ANSWER = Name("[a-z][a-z0-9_]*", "lower-case letters, digits and underscores, a letter first")


@dataclass(frozen=True)
class Word(FieldType):
    """One of a few words."""

    words: tuple[str, ...]

    def read(self, node: Node, problems: Problems) -> str | None:
        """Return the word, or report a problem and return None."""
        if isinstance(node, Scalar) and node.text in self.words:
            return node.text
        text = node.text if isinstance(node, Scalar) else ""
        problems.add(
            f"This takes {listed(self.words)}, not {described(node)}",
            node.place,
            suggest(text, self.words, "One of"),
        )
        return None

    def schema(self) -> Schema:
        """Return the JSON Schema of the word."""
        return {"enum": list(self.words)}


@dataclass(frozen=True)
class Flag(FieldType):
    """True or false. YAML 1.1's `yes`, `no`, `on` and `off` are text, so that nobody has to guess."""

    def read(self, node: Node, problems: Problems) -> bool | None:
        """Return the boolean, or report a problem and return None."""
        if isinstance(node, Scalar) and isinstance(node.value, bool):
            return node.value
        problems.add(f"This takes true or false, not {described(node)}", node.place)
        return None

    def schema(self) -> Schema:
        """Return the JSON Schema of the flag."""
        return {"type": "boolean"}


@dataclass(frozen=True)
class Whole(FieldType):
    """A whole number within bounds."""

    low: int
    high: int

    def read(self, node: Node, problems: Problems) -> int | None:
        """Return the whole number, or report a problem and return None."""
        value = node.value if isinstance(node, Scalar) else None
        if isinstance(value, int) and not isinstance(value, bool) and self.low <= value <= self.high:
            return value
        wanted = str(self.low) if self.low == self.high else f"a whole number from {self.low} to {self.high}"
        hint = "Take the quotes away" if isinstance(node, Scalar) and node.text == wanted else ""
        problems.add(f"This takes {wanted}, not {described(node)}", node.place, hint)
        return None

    def schema(self) -> Schema:
        """Return the JSON Schema of the number."""
        return (
            {"const": self.low}
            if self.low == self.high
            else {"type": "integer", "minimum": self.low, "maximum": self.high}
        )


@dataclass(frozen=True)
class Length(FieldType):
    """A length of time with its unit, more than nothing and at most a week; read as seconds."""

    def read(self, node: Node, problems: Problems) -> float | None:
        """Return the length of time in seconds, or report a problem and return None."""
        if not isinstance(node, Scalar) or node.value is None or isinstance(node.value, bool):
            problems.add(f"This takes a length of time, not {described(node)}", node.place, "Write it like '30 min'")
            return None
        try:
            seconds = float(Seconds.parse(node.text))
        except ValueError:
            sentence = f"{shortened(node.text)!r} is not a length of time with its unit"
            problems.add(sentence, node.place, "Write it like '30 min', '90 s' or '2 h'")
            return None
        if not 0 < seconds <= _LONGEST_TIME:
            problems.add(f"{shortened(node.text)!r} is not a time from more than nothing to 7 days", node.place)
            return None
        return seconds

    def schema(self) -> Schema:
        """Return the JSON Schema of the length of time."""
        return {
            "type": "string",
            "pattern": "^\\s*[0-9]+(\\.[0-9]+)?\\s*[A-Za-z]+\\s*$",
            "examples": ["30 min", "90 s", "2 h"],
        }


@dataclass(frozen=True)
class Limit(FieldType):
    """A number, duration, size or percentage that values are compared with."""

    def read(self, node: Node, problems: Problems) -> Measure | None:
        """Return the limit, or report a problem and return None."""
        if isinstance(node, Scalar) and node.value is not None and not isinstance(node.value, bool):
            with suppress(ValueError):
                return Measure.parse(node.text)
        problems.add(
            f"This takes a number, a duration, a size or a percentage, not {described(node)}",
            node.place,
            "Such as 7, '30 min', '2 GB' or '80 %'",
        )
        return None

    def schema(self) -> Schema:
        """Return the JSON Schema of the limit."""
        return {"type": ["string", "number"], "examples": [7, "30 min", "2 GB", "80 %"]}


@dataclass(frozen=True)
class Expression(FieldType):
    """A regular expression of Python's `re`, searched in one line."""

    def read(self, node: Node, problems: Problems) -> str | None:
        """Return the regular expression, or report a problem and return None."""
        text = Text(single=True).read(node, problems)
        if text is None:
            return None
        try:
            re.compile(text)
        except (re.error, OverflowError, RecursionError) as error:
            hint = "Put a backslash before a sign that stands for itself"
            problems.add(f"This regular expression does not compile: {error}", node.place, hint)
            return None
        return text

    def schema(self) -> Schema:
        """Return the JSON Schema of the regular expression."""
        return {"type": "string", "format": "regex"}


@dataclass(frozen=True)
class TimeZone(FieldType):
    """A time zone of the IANA database: `Europe/Berlin`, `UTC`."""

    def read(self, node: Node, problems: Problems) -> str | None:
        """Return the name of the zone, or report a problem and return None."""
        text = Text(single=True).read(node, problems)
        if text is None:
            return None
        try:
            ZoneInfo(text)
        except (OSError, ValueError, ZoneInfoNotFoundError):
            sentence = f"{text!r} is no time zone that this machine knows"
            problems.add(sentence, node.place, "Write it like Europe/Berlin, or UTC")
            return None
        return text

    def schema(self) -> Schema:
        """Return the JSON Schema of the time zone."""
        return {"type": "string"}
