"""The end of a program that a test runs on a pseudo-terminal."""

from __future__ import annotations

from typing import Any

import pexpect

from tests.support.waiting import wait_for


def end_child(child: pexpect.spawn[Any]) -> None:
    """Close the terminal and end the program. One that was killed may take longer to end than pexpect waits for it."""

    def ended() -> bool:
        try:
            child.close(force=True)
        except pexpect.ExceptionPexpect:
            return False
        return True

    wait_for(ended, "the end of the program on its terminal")
