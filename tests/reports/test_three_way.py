"""What people wrote survives every merge: lines that they added are all there, and no other line is lost."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from midwatch.reports.three_way import conflicts_in, has_conflict, merge

LINE = st.sampled_from(["", "one", "two", "three", "_To be written._", "- a", "- b", "=======", "| 1 |"])
TEXT = st.lists(LINE, max_size=12)


@given(base=TEXT, mine=TEXT, theirs=TEXT, own=st.lists(st.text(alphabet="xyzä \t", min_size=1), max_size=3))
def test_merge_keeps_every_line_that_people_added_and_every_new_one_of_the_journal(
    base: list[str], mine: list[str], theirs: list[str], own: list[str]
) -> None:
    for number, line in enumerate(own):
        mine.insert((number * 5) % (len(mine) + 1), f"of a person: {line}")
    merged = merge("\n".join(base), "\n".join(mine), "\n".join(theirs))
    found = Counter(merged.text.split("\n"))
    for side in (mine, theirs):
        added = Counter(side) - Counter(base)
        assert not {line for line in added if line and line not in found}
    assert all(found[f"of a person: {line}"] for line in own)
    kept = merge(None, "\n".join(mine), "\n".join(theirs)).text.split("\n")
    assert set(mine) | set(theirs) <= {*kept, ""}


@given(base=TEXT, mine=TEXT)
def test_merge_of_what_only_one_side_changed_is_that_side(base: list[str], mine: list[str]) -> None:
    old, new = "\n".join(base), "\n".join(mine)
    assert (merge(old, new, old).text, merge(old, old, new).text, merge(old, new, new).text) == (new, new, new)
    assert merge(old, new, old).conflicts == 0


def test_merge_of_a_file_with_windows_line_ends_has_no_conflict_and_both_changes() -> None:
    base = "# T\n\nfirst\n\nsecond\n"
    merged = merge(base, "# T\r\n\r\nfirst, by hand\r\n\r\nsecond\r\n", "# T\n\nfirst\n\nsecond, from the journal\n")
    assert merged.text == "# T\n\nfirst, by hand\n\nsecond, from the journal\n"


def test_conflict_shows_both_texts_until_somebody_resolves_it() -> None:
    merged = merge("a\nb\nc", "a\nmine\nc", "a\ntheirs\nc")
    assert merged.conflicts == conflicts_in(merged.text) == 1
    assert merged.text.split("\n")[1:-1] == [
        "<<<<<<< as people wrote it", "mine", "=======", "theirs", ">>>>>>> as the journal says now"
    ]  # fmt: skip
    assert has_conflict(merged.text)
    assert merge("a\ntheirs\nc", "a\nmine\nc", "a\ntheirs\nc").text == "a\nmine\nc"
