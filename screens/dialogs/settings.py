"""What holds for every incident of this person: theme, mouse, plain characters, plain lines, changed keys."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from screens.widgets.form import Field, Form
from screens.widgets.styles import FAINT, TextStyles
from screens.widgets.text_layout import paragraph

_WIDTH = 74


class SettingsForm(Form):
    """`save` is given the fields by name; yes and no are words."""

    def __init__(
        self,
        text_styles: TextStyles,
        now: Mapping[str, str],
        themes: Sequence[str],
        place: str,
        save: Callable[[Mapping[str, str]], object],
    ) -> None:
        options = [(theme, theme) for theme in themes]
        super().__init__(
            text_styles,
            "Settings",
            [
                Field("theme", "Theme", kind="one", options=options, value=now["theme"], across=True),
                Field("mouse", "Hear the mouse (from the next start)", kind="yes-no", value=now["mouse"]),
                Field("ascii", "Plain characters only (from the next start)", kind="yes-no", value=now["ascii"]),
                Field(
                    "plain",
                    "Line by line instead of the screen (from the next start)",
                    kind="yes-no",
                    value=now["plain"],
                ),
                Field(
                    "keys", "Changed keys, a line each, such as skip: k", kind="text", value=now["keys"], required=False
                ),
            ],
            save,
            words=paragraph(f"Kept in {place}; keys in keys.yaml beside it.", _WIDTH, text_styles, style=FAINT),
            accept="Keep",
            mark=text_styles.ink("for every incident", FAINT),
        )
