"""How bad an incident is."""

from __future__ import annotations

from enum import StrEnum


class Severity(StrEnum):
    """How bad it is: SEV-0 is loss of data, SEV-1 critical, SEV-2 major, SEV-3 minor."""

    SEV0 = "SEV-0"
    SEV1 = "SEV-1"
    SEV2 = "SEV-2"
    SEV3 = "SEV-3"
