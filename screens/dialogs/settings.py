"""What holds for every incident of this person: theme, mouse, plain characters, bell, plain lines, changed keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from screens.widgets.form import Field, Form
from screens.widgets.styles import FAINT, TextStyles
from screens.widgets.text_layout import paragraph

_WIDTH = 74


def settings_form(text_styles: TextStyles, now: Mapping[str, str], themes: Sequence[str], file: str) -> Form:
    """A field for each setting; yes and no are words."""
    options = [(theme, theme) for theme in themes]
    form = Form(
        text_styles,
        "Settings",
        [
            Field("theme", "Theme", kind="one", options=options, value=now["theme"], across=True),
            Field("mouse", "Hear the mouse (from the next start)", kind="yes-no", value=now["mouse"]),
            Field("ascii", "Plain characters only (from the next start)", kind="yes-no", value=now["ascii"]),
            Field("bell", "Bell and title: failures, ends, requests", kind="yes-no", value=now["bell"]),
            Field(
                "plain", "Line by line instead of the screen (from the next start)", kind="yes-no", value=now["plain"]
            ),
            Field("keys", "Changed keys, a line each, such as skip: K", kind="text", value=now["keys"], required=False),
        ],
        words=paragraph(f"Kept in {file}; keys in keys.yaml beside it.", _WIDTH, text_styles, style=FAINT),
        accept="Keep",
        mark=text_styles.ink("for every incident", FAINT),
    )
    form.draft_name = ""
    return form
