"""The clock by which the program tells a held key from one that is pressed anew."""

from __future__ import annotations


class Night:
    """A clock that goes on as the test says."""

    def __init__(self) -> None:
        self.at = 1_000_000.0

    def __call__(self) -> float:
        return self.at


class PassingNight(Night):
    """It goes on a little by itself: what happens because of a key happens after that key was typed."""

    def __call__(self) -> float:
        self.at += 1e-6
        return self.at
