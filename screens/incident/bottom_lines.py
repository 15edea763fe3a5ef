"""The two lines at the bottom of the incident screen: what is said for a while or needs somebody, and the keys."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from textual.content import Content

from midwatch.control.lease import DriverState
from midwatch.engine.pending_requests import pending_request
from screens.incident.standing_notice import answerable_request, standing_notice
from screens.keys.footer import ALWAYS, footer_line
from screens.keys.incident_keys import BY_ID, KEYS
from screens.widgets.key import Key, shown
from screens.widgets.key_line import KeyLine
from screens.widgets.status_line import StatusLine
from screens.widgets.styles import CHOSEN, SOON, WRONG

if TYPE_CHECKING:
    from screens.incident.screen import IncidentScreen

HIDDEN = ("zoom", "output", "panels")
"""Keys to what a small terminal has no room for."""
_NOTICE_S = 12.0
_ASK = "ask for control"


class BottomLines:
    """Draws both lines; keeps a notice until it is old."""

    def __init__(self, screen: IncidentScreen) -> None:
        """Nothing is said yet."""
        self._screen, self._session, self._text_styles = screen, screen.session, screen.text_styles
        self._notice, self._notice_until, self._yields = Content(""), 0.0, False

    def draw(self) -> None:
        """The keys that work now, and what is to be said."""
        width = max(self._screen.app.size.width - 2, 10)
        keys = footer_line(
            self._screen.next_action().words, self._keys_now(), self._screen.keymap, width, self._text_styles
        )
        self._screen.query_one("#keys", KeyLine).show_keys(keys)
        self._draw_notice(width)

    def _keys_now(self) -> Iterator[tuple[Key, str]]:
        """The footer's keys, most useful first: in a small terminal what answers somebody, then what shows the
        hidden."""
        tiny, found = self._screen.has_class("-tiny"), pending_request(self._session)
        first, panes = (found.answer if found else "", *HIDDEN), self._screen.panes
        for key in (
            sorted(KEYS, key=lambda key: first.index(key.id) if key.id in first else len(first)) if tiny else KEYS
        ):
            if key.id == "zoom" and (tiny or panes.zoomed):
                yield key, "all panes" if not tiny else "step" if panes.in_checklist else "checklist"
            elif key.words and (key.id in ALWAYS or self._screen.commands.may(key.id)):
                yield key, _ASK if key.id == "control" and self._is_only_asked_for else key.words

    @property
    def _is_only_asked_for(self) -> bool:
        """Whether control can be asked for, and not taken."""
        return self._session.lease.state is DriverState.ALIVE and not self._session.offered_to_me

    def _draw_notice(self, width: int) -> None:
        notice, text = self._screen.query_one("#notice", StatusLine), self._notice
        if time.monotonic() > self._notice_until:
            words, style = standing_notice(self._session, self._screen.absence.line(), self.key_name)
            text = self._marked(words, style) if words else Content("")
        elif self._yields and (request := answerable_request(self._session, self.key_name)):
            asked = self._marked(request, SOON)
            same = asked.plain[2:].startswith(text.plain[2:])  # behind the sign
            text = asked if same else Content.assemble(asked, "  ", text)
        notice.display = bool(text)
        notice.show(text.truncate(width, ellipsis=True) if text else text)

    def _marked(self, text: str, style: str) -> Content:
        """The sentence behind the sign of its meaning: wrong, needs you, or news."""
        signs = self._text_styles.signs
        return self._text_styles.ink(
            f"{ {WRONG: signs.wrong, SOON: signs.person}.get(style, signs.news) } {text}", style
        )

    def key_name(self, name: str) -> str:
        """The key that does this, as it stands on the keyboard."""
        return shown(self._screen.keymap.get(name, BY_ID[name].key), ascii=self._text_styles.ascii)

    def notice(self, text: str, style: str = CHOSEN, *, yields: bool = False) -> None:
        """Show one sentence for a while; `yields`: behind a request that this operator can answer."""
        self._yields = yields
        self._notice = self._marked(text, style)
        self._notice_until = time.monotonic() + _NOTICE_S
        self._screen.redraw()
