"""What a program has set at its terminal, so that another terminal can be set in the same way, and set back."""

from __future__ import annotations

import re

_MODE = re.compile(rb"\x1b\[\?([0-9;]{1,40})([hl])|\x1b([=>])")
_LONGEST = 48
_OTHER_SCREENS = frozenset({b"47", b"1047", b"1049"})
_RESTORED = frozenset({b"1", b"25", b"1000", b"1002", b"1003", b"1004", b"1005", b"1006", b"2004", *_OTHER_SCREENS})
_ON_BY_ITSELF = b"25"
AS_BEFORE = (
    b"\x1b[?1049l\x1b[?1l\x1b>\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1004l\x1b[?1005l\x1b[?1006l\x1b[?2004l"
    b"\x1b[>4;0m\x1b[?25h\x1b[0m"
)
"""Sets back what a program may have set: the screen, keys, mouse, pasting, the cursor, colours."""


class TerminalModes:
    """Follows the output of a program."""

    def __init__(self) -> None:
        self._on: dict[bytes, bool] = {_ON_BY_ITSELF: True}
        self._keypad = b""
        self._tail = b""
        self.has_size = False
        """Whether a client has told the size of its terminal."""
        self.draws_for_new_client = False
        """Whether the program has to be made to draw again, by another size of its terminal."""

    @property
    def is_full_screen(self) -> bool:
        """Whether a program has the whole screen."""
        return any(self._on.get(mode, False) for mode in _OTHER_SCREENS)

    def follow(self, data: bytes) -> None:
        """Take in more output; a sequence may be cut anywhere."""
        text = self._tail + data
        end = 0
        for found in _MODE.finditer(text):
            end = found.end()
            if found[3]:
                self._keypad = found[3]
            for mode in (found[1] or b"").split(b";"):
                if mode in _RESTORED:
                    self._on[mode] = found[2] == b"h"
        self._tail = text[max(end, len(text) - _LONGEST) :]

    def restored(self) -> bytes:
        """What sets another terminal as this program has set its own."""
        modes = b"".join(b"\x1b[?%b%b" % (mode, b"h" if on else b"l") for mode, on in self._on.items())
        clear = b"\x1b[H\x1b[2J" if self.is_full_screen else b""
        return modes + (b"\x1b" + self._keypad if self._keypad else b"") + clear

    def client_left(self) -> None:
        """The next client has to be drawn for anew."""
        self.draws_for_new_client = self.has_size

    def note_size(self) -> None:
        """A client has told its size."""
        self.has_size, self.draws_for_new_client = True, False
