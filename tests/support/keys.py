"""A key pair of age for the tests of encrypted backups."""

from __future__ import annotations

import pyrage

OURS = pyrage.x25519.Identity.generate()


PUBLIC = str(OURS.to_public())
