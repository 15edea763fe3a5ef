"""`.pgpass` as libpq reads it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actions.credentials.pgpass import UNFINISHED, Login, escape, faults, fields_of, held, passwords, readable_by_others
from actions.credentials.pgpass_replacement import Replacement
from midwatch.runbook.model import Runbook
from midwatch.runbook.secret_sources import known_secrets
from midwatch.system.errors import Refused
from tests.password.libpq import Asking, asking
from tests.support.examples import examples

field = st.text(st.characters(codec="utf-8", exclude_characters="\n\r\0"), min_size=1)
LOGIN = Login("127.0.0.1", 5432, "arp", "arp_app")


@given(st.tuples(field, field, field, field, field))
def test_pgpass_fields_of_any_text_survive(fields: tuple[str, ...]) -> None:
    line = ":".join(map(escape, fields))
    if not line.startswith("#") and line.strip():
        assert fields_of(line) == list(fields)


@pytest.fixture(scope="module")
def listener() -> Iterator[Asking]:
    with asking() as made:
        yield made


rest = st.text(st.sampled_from("\\:*x#\u00e9\x85 \r"), max_size=6)


@settings(max_examples=examples(60))
@given(
    st.lists(
        st.tuples(st.sampled_from(["HOST:PORT:arp:u:", "*:*:*:*:", "HOST:PORT:a\\rp:u:", "# ", "other:*:*:*:"]), rest)
    )
)
def test_pgpass_is_read_as_libpq_reads_it(
    listener: Asking, tmp_path_factory: pytest.TempPathFactory, lines: list[tuple[str, str]]
) -> None:
    file = tmp_path_factory.mktemp("p") / "pgpass"
    file.touch(mode=0o600)
    text = (
        "".join(f"{start}{end}\n" for start, end in lines)
        .replace("HOST", "127.0.0.1")
        .replace("PORT", str(listener.port))
    )
    file.write_bytes(text.encode())
    ours = next(passwords(file, Login("127.0.0.1", listener.port, "arp", "u")), None)
    assert (ours or "").encode() == (listener.sent(file, "u", "arp") or b"")


def test_pgpass_with_a_fault_is_named_without_a_secret(tmp_path: Path) -> None:
    file = tmp_path / "pgpass"
    file.write_text(
        "localhost:5432:*:arp_app:one-word\n127.0.0.1:5432:*:arp_app:se:cret\n"
        "127.0.0.1:*:*:arp_app:back\\slash\n*:*:*:other:x:y\n"
    )
    file.chmod(0o644)
    found = faults(file, LOGIN)
    assert found == [
        "others may read it, so libpq passes over all of it: its mode has to be 0600",
        "line 1 is for localhost, and the login is to 127.0.0.1: to libpq they are two hosts",
        "line 2 has a ':' in its password without a '\\' before it: libpq takes only what is before",
        "line 3 has a '\\' in its password that is not written '\\\\': libpq leaves it out",
        "line 3 is never read: line 2 matches first",
    ]
    assert not any(secret in " ".join(found) for secret in ("one-word", "cret", "slash"))
    file.write_text(":".join(["127.0.0.1", "5432", "*", "arp_app", escape("a:b\\c")]) + "\n")
    file.chmod(0o600)
    assert faults(file, LOGIN) == []
    assert faults(tmp_path / "missing", LOGIN) == []


def test_lines_for_other_hosts_beside_a_good_one_are_no_fault(tmp_path: Path) -> None:
    file = tmp_path / "pgpass"
    lines = ["127.0.0.1:5432:*:arp_app:ours", "localhost:5432:*:arp_app:another-server", "*:5432:*:arp_app:elsewhere"]
    file.write_text("\n".join(lines) + "\n")
    file.chmod(0o600)
    assert faults(file, LOGIN) == []
    file.write_text("\n".join([*lines, "127.0.0.1:5432:arp:arp_app:late", lines[1]]) + "\n")
    assert faults(file, LOGIN) == ["line 4 is never read: line 1 matches first"]


def test_pgpass_line_with_unescaped_colons_is_masked_as_well(tmp_path: Path) -> None:
    file = tmp_path / "pgpass"
    file.write_text("127.0.0.1:5432:*:arp_app:se:c\\ret\n::1:5432:*:arp_app:no\nlocalhost:5432:*:arp_app:three\n")
    Replacement.with_password(file, LOGIN, "unfinished")
    assert [one.password for one in held(file, LOGIN)] == ["se", "se:c\\ret", "se:cret", "three", "unfinished"]
    assert "unfinished" not in "".join(map(repr, held(file, LOGIN)))
    Replacement.with_password(file, LOGIN, "new").publish()
    assert list(tmp_path.glob(f"{UNFINISHED}*")) == []


@given(
    st.lists(
        st.sampled_from(
            ["*:*:*:*:all", "127.0.0.1:5432:*:arp_app:old", "127.0.0.1:5432:arp:arp_app:older", "# x\x85y", ""]
        )
    )
)
def test_former_lines_come_back_to_their_places(tmp_path_factory: pytest.TempPathFactory, lines: list[str]) -> None:
    file = tmp_path_factory.mktemp("p") / "pgpass"
    before = "".join(f"{line}\n" for line in lines)
    file.write_text(before)
    replacement = Replacement.with_password(file, LOGIN, "new")
    replacement.publish()
    assert file.read_text() != before
    Replacement.with_former(file, LOGIN, replacement.former).publish()
    assert file.read_text() == before


def test_lines_that_others_added_meanwhile_stay_when_former_ones_come_back(tmp_path: Path) -> None:
    file = tmp_path / "pgpass"
    file.write_text("a:1:b:c:d\n127.0.0.1:5432:*:arp_app:old\n")
    replacement = Replacement.with_password(file, LOGIN, "new")
    replacement.publish()
    file.write_text(file.read_text() + "e:1:f:g:h\n")
    Replacement.with_former(file, LOGIN, replacement.former).publish()
    assert file.read_text() == "a:1:b:c:d\n127.0.0.1:5432:*:arp_app:old\ne:1:f:g:h\n"


@pytest.mark.parametrize("line", ["", "# a:b:c:d:e", "a:b:c", "a:b:c:d"])
def test_pgpass_line_that_libpq_ignores_is_ignored(line: str) -> None:
    assert fields_of(line) is None


def test_pgpass_first_match_wins_and_stars_match(tmp_path: Path) -> None:
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
def test_pgpass_replacement_wins_and_leaves_the_others(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], new: str
) -> None:
    file = tmp_path_factory.mktemp("p") / "pgpass"
    file.write_text("".join(f"{line}\n" for line in lines))
    replacement = Replacement.with_password(file, LOGIN, new)
    assert file.read_text() == "".join(f"{line}\n" for line in lines)
    replacement.publish()
    assert next(passwords(file, LOGIN)) == new
    assert file.read_text().split("\n")[1:-1] == [line for line in lines if not line.endswith("old")]
    assert not readable_by_others(file)


def test_pgpass_that_is_a_link_stays_a_link(tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.write_text("a:1:b:c:d\n")
    link = tmp_path / "link"
    link.symlink_to(real)
    Replacement.with_password(link, LOGIN, "new").publish()
    assert link.is_symlink()
    assert "a:1:b:c:d" in real.read_text()


def test_discarded_pgpass_replacement_leaves_nothing(tmp_path: Path) -> None:
    file = tmp_path / "pgpass"
    file.write_text("a:1:b:c:d\n")
    Replacement.with_password(file, LOGIN, "new").discard()
    assert file.read_text() == "a:1:b:c:d\n"
    assert list(tmp_path.iterdir()) == [file]


def test_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Refused, match="cannot be written"):
        Replacement.with_password(tmp_path / "missing" / "pgpass", LOGIN, "new")


@pytest.mark.slow
def test_password_is_known_as_a_secret_however_it_is_written(runbook: Runbook) -> None:
    file = runbook.location_of("pgpass")
    file.write_text("h:1:d:u:per\\:fect-1\nh:1:d:u:not:escaped-2\nh:1:d:u:back\\slash-3\n# h:1:d:u:comment-4\n")
    known = set(known_secrets(runbook, {}).values())
    assert {"per:fect-1", "not:escaped-2", "back\\slash-3"} <= known
    assert not any("comment" in secret for secret in known)
