"""Words over lines: every word is kept, none sticks out, and no figure stands apart from its unit."""

from __future__ import annotations

import re
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from screens.widgets.styles import TextStyles
from screens.widgets.text_layout import fit_apart, fit_middle, wrap

WORDS = st.lists(
    st.sampled_from(["33", "%", "→", "4.9", "MB", "free", "of", "emergency-backup/arp-prod.sql.gz", "(7", "s)"])
)


@given(WORDS, st.integers(8, 60))
def test_wrapped_figure_stays_with_its_unit(words: list[str], width: int) -> None:
    lines = wrap(" ".join(words), width)
    assert all(cell_len(line) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == "".join(words)
    for line, following in pairwise(lines):
        figure = re.search(r"(?:^| )[(]?[\d.]+$", line)
        assert not (figure and following.split()[:1] in (["%"], ["MB"], ["s)"])), lines


@given(
    st.lists(st.sampled_from(["x", "/", "界", "e\u0301", "👩\u200d💻", "a" + "\u0301" * 40]), max_size=400).map("".join)
)
def test_long_word_is_cut_into_whole_lines_and_nothing_is_lost(word: str) -> None:
    lines = wrap(word, 20)
    assert "".join(lines) == word
    assert all(cell_len(line) <= 20 for line in lines)


@given(st.integers(18, 60), st.integers(0, 3))
def test_texts_that_begin_alike_stay_apart_when_they_are_shortened(width: int, chosen: int) -> None:
    styles = TextStyles()
    texts = [f"Read the certificate of web-{name} and compare the dates" for name in ("eins", "zwei", "drei")]
    texts.append("Read the manual")
    shown = [fit_apart(text, texts, width, styles) for text in texts]
    assert len(set(shown)) == len(texts)
    assert all(cell_len(text) <= width for text in shown)
    assert fit_apart(texts[chosen], texts[chosen : chosen + 1], width, styles) == fit_middle(
        texts[chosen], width, styles
    )
    assert shown[3] == "Read the manual"
    assert fit_middle("Update the incident channel every 15 min", 26, styles) == "Update the inci…ery 15 min"
