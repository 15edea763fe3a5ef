"""`.pgpass` as libpq reads it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.pgpass import Login, Replacement, escape, fields_of, passwords, readable_by_others
from midwatch.errors import Refused

field = st.text(st.characters(codec="utf-8", exclude_characters="\n\r\0\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"), min_size=1)
LOGIN = Login("127.0.0.1", 5432, "arp", "arp_app")


@given(st.tuples(field, field, field, field, field))
def test_any_fields_survive(fields: tuple[str, ...]) -> None:
    line = ":".join(map(escape, fields))
    if not line.startswith("#") and line.strip():
        assert fields_of(line) == list(fields)


@pytest.mark.parametrize("line", ["", "# a:b:c:d:e", "a:b:c", "a:b:c:d"])
def test_what_libpq_passes_over(line: str) -> None:
    assert fields_of(line) is None


def test_the_first_match_wins_and_stars_match(tmp_path: Path) -> None:
    file = tmp_path / "pgpass"
    file.write_text("localhost:5432:arp:arp_app:other-host\n127.0.0.1:*:*:arp_app:first\n*:*:*:*:last\n")
    assert list(passwords(file, LOGIN)) == ["first", "last"]
    assert list(passwords(tmp_path / "missing", LOGIN)) == []


@given(
    st.lists(
        st.sampled_from(
            ["*:*:*:*:all", "127.0.0.1:5432:*:arp_app:old", "127.0.0.1:5432:arp:arp_app:old", "# note", "h:1:d:u:p"]
        )
    ),
    field,
)
def test_a_replacement_wins_and_leaves_the_others(tmp_path_factory: pytest.TempPathFactory, lines: list[str], new: str) -> None:
    file = tmp_path_factory.mktemp("p") / "pgpass"
    file.write_text("".join(f"{line}\n" for line in lines))
    replacement = Replacement(file, LOGIN, new)
    assert file.read_text() == "".join(f"{line}\n" for line in lines)
    replacement.publish()
    assert next(passwords(file, LOGIN)) == new
    assert file.read_text().splitlines()[1:] == [line for line in lines if not line.endswith("old")]
    assert not readable_by_others(file)


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.write_text("a:1:b:c:d\n")
    link = tmp_path / "link"
    link.symlink_to(real)
    Replacement(link, LOGIN, "new").publish()
    assert link.is_symlink()
    assert "a:1:b:c:d" in real.read_text()


def test_a_discarded_replacement_leaves_nothing(tmp_path: Path) -> None:
    file = tmp_path / "pgpass"
    file.write_text("a:1:b:c:d\n")
    Replacement(file, LOGIN, "new").discard()
    assert file.read_text() == "a:1:b:c:d\n"
    assert list(tmp_path.iterdir()) == [file]


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Refused, match="cannot be written"):
        Replacement(tmp_path / "missing" / "pgpass", LOGIN, "new")
