"""Markdown on the screen: calm where it is Markdown, safe whatever it is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from screens.widgets.markdown_text import markdown_lines
from screens.widgets.styles import TextStyles

TEXT = """\
# Before you begin
Do **this** with `pg_dump` and a [link](https://x.example/y), then
wait for *ada* <b>now</b>.

- one that is long enough to be broken over two lines
  - nested
- two

3. three

```sh
ls -l /backups
```

> as they said

| what | where |
| --- | --- |
| dump | `/mnt` |
"""


def test_markdown_parts_have_their_forms() -> None:
    assert [line.plain for line in markdown_lines(TEXT, 40, TextStyles())] == [
        "Before you begin",
        "",
        "Do this with pg_dump and a link",
        "<https://x.example/y>, then wait for ada",
        "<b>now</b>.",
        "",
        "· one that is long enough to be broken",
        "  over two lines",
        "  · nested",
        "· two",
        "",
        "3. three",
        "",
        "│ ls -l /backups",
        "",
        "│ as they said",
        "",
        "what  where",
        "dump  /mnt",
    ]


PARTS = st.sampled_from(
    [*"#*_`[]()<>|-+1.\n\n \t!&;:", "\x1b]52;c;x\x07", "\x9b", "\u202e", "[red]", "wörd ", "```\n", "> ", "漢字"]
)


@given(st.lists(PARTS, max_size=60).map("".join), st.integers(12, 60), st.booleans())
def test_markdown_of_any_text_fits_and_cannot_command_the_terminal(text: str, width: int, ascii: bool) -> None:
    for line in markdown_lines(text, width, TextStyles(ascii=ascii)):
        assert line.cell_length <= width
        assert line.plain.isascii() or not ascii
        assert not any(ord(sign) < 32 or 127 <= ord(sign) < 160 or sign == "\u202e" for sign in line.plain)
