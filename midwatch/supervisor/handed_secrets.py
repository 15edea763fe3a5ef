"""The secrets that a script gets: in variables, or in files in memory that variables name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from midwatch.api.plan import Plan
from midwatch.supervisor.consented_command import secrets_of


@dataclass(frozen=True, slots=True)
class HandedSecrets:
    """Both by the names of the variables."""

    variables: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, plan: Plan, values: Mapping[str, str]) -> Self:
        """The values in the ways that the plan says. Raises `KeyError` for a secret that the plan does not name."""
        in_variable = secrets_of(plan)
        return cls(
            {name: value for name, value in values.items() if in_variable[name]},
            {name: value for name, value in values.items() if not in_variable[name]},
        )
