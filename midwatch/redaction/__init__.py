"""Takes secrets out of a stream before its first byte is written: known ones in every disguise, and what looks like
one.

The rules are in `docs/redaction.md`.
"""

from __future__ import annotations

from midwatch.redaction.redactor import SECRET_SHAPED, SHORTEST, Redactor, mask

__all__ = ["SECRET_SHAPED", "SHORTEST", "Redactor", "mask"]
