"""A known secret never comes through: in no disguise, however the stream is cut. Other text comes through as it is."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from midwatch.redaction import Redactor, mask
from midwatch.redaction.visible_text import project
from tests.redaction.forms import FORMS
from tests.support.examples import STRIDE, examples

AWKWARD = "p@ss'w\"ord/\\ $x&<é>%"

LONGEST = {
    "HTML, numbers with zeros": 8,
    "\\u{…}": 6,
    "\\x{…}": 6,
    "JSON three deep": 4,
    "base64 of JSON": 4,
    "base64 twice, with a name": 3,
    **dict.fromkeys([form for form in FORMS if form.startswith(("xxd", "hexdump", "od"))], 16),
    **dict.fromkeys(("xxd -b -c 8", "base64 of xxd", "base64 of hexdump -C"), 24),
    **dict.fromkeys(("base64, wrapped, of JSON of a URL", "sequences that controls interrupt"), 16),
}
"""Bytes of a letter in these forms, or what stands around: five letters of a secret are not known to be one."""
NEVER_THERE = Redactor({"pw": "0123456789-never-there", "other": AWKWARD})
LINE = b"2026-11-23 02:14:07 UTC [71] LOG:  checkpoint complete: wrote 12 buffers\n"


def through(redactor: Redactor, *pieces: bytes) -> bytes:
    return b"".join(redactor.feed(piece) for piece in pieces) + redactor.flush()


def assert_none_of(secret: str, out: bytes) -> None:
    assert secret.encode() not in out
    assert secret.encode() not in project(out).text


@pytest.mark.property
@pytest.mark.parametrize("secret", ["hunter2hunter", AWKWARD, "sixsix"])
@pytest.mark.parametrize("form", FORMS)
def test_known_secret_in_every_form_split_anywhere_is_masked(form: str, secret: str) -> None:
    shown = FORMS[form](secret)
    stream = b"before <" + shown + b"> after\n"
    known = Redactor({"pw": secret})
    whole = through(known.another(), stream)
    assert b"[secret pw]" in whole
    assert whole.startswith(b"before <")
    assert whole.endswith(b"> after\n")
    for at in range(1 + len(secret) % STRIDE, len(stream), STRIDE):
        cut = through(known.another(), stream[:at], stream[at:])
        assert_none_of(secret, cut)
        assert cut == whole or b"\x08" in stream, (
            f"cut at {at}: only what a backspace takes back may come through before it"
        )
    assert_none_of(secret, through(known.another(), *(bytes([b]) for b in stream)))


@pytest.mark.parametrize("before", [b"++++", b"SGVs", b"MDAwMDAwMDAwMDAwMDAw"])
def test_base64_of_a_dump_right_behind_other_base64_is_masked(before: bytes) -> None:
    out = through(Redactor({"pw": "hunter2"}), before + b"\n" + FORMS["base64 of xxd"]("hunter2"))
    assert b"[secret pw]" in out


def test_backspaces_behind_what_may_begin_a_string_of_the_terminal_are_followed() -> None:
    out = through(Redactor({"pw": "hunter2"}), b"\x90\n" + FORMS["backspaces"]("hunter2") + b"\n\x07")
    assert out == b"\x90\n[secret pw]\n\x07"


def test_secret_with_an_escape_in_it_is_masked_where_each_letter_is_an_entity() -> None:
    out = through(Redactor({"pw": "0000\\0"}), FORMS["HTML, every letter"]("0000\\0"))
    assert out == b"[secret pw]"


@settings(max_examples=examples(300))
@given(
    secret=st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=6, max_size=40).filter(
        # no mark itself, and enough of it where lines are indented
        lambda secret: secret not in "[secret pw]" and len(secret.replace(" ", "")) >= 6
    ),
    form=st.sampled_from(sorted(FORMS)),
    before=st.binary(max_size=80),
    after=st.binary(max_size=80),
    cuts=st.lists(st.integers(0, 400), max_size=12),
)
def test_known_secret_in_any_cutting_is_masked(
    secret: str, form: str, before: bytes, after: bytes, cuts: list[int]
) -> None:
    assume(secret.isascii() or form != "base64 of colours")  # a limit that docs/redaction.md names
    shown = FORMS[form](secret)
    before = before.replace(b"\x08", b"").replace(b"\x1b", b"")
    after = after.replace(b"\x08", b"")
    stream = before + b"\n" + shown + b"\n" + after
    edges = [0, *sorted(min(c, len(stream)) for c in cuts), len(stream)]
    redactor = Redactor({"pw": secret})
    out = b""
    for a, b in itertools.pairwise(edges):
        out += redactor.feed(stream[a:b])
    out += redactor.flush()
    assert_none_of(secret, out)
    assert redactor.masked >= 1


# Byte by byte: `st.binary` also draws literals of our own sources, such as a key with its colon, whose value is masked.
BYTES = st.lists(st.integers(0, 255), max_size=600).map(bytes)


@settings(max_examples=examples(300))
@given(data=BYTES, cuts=st.lists(st.integers(0, 600), max_size=12))
def test_bytes_without_secrets_come_through_as_they_are(data: bytes, cuts: list[int]) -> None:
    redactor = NEVER_THERE.another()
    edges = [0, *sorted(min(c, len(data)) for c in cuts), len(data)]
    assert through(redactor, *(data[a:b] for a, b in itertools.pairwise(edges))) == data
    assert redactor.masked == 0


@settings(max_examples=examples(150))
@given(
    data=st.lists(st.sampled_from([b"abcabc", b"abc", b"a", b"bcabca", b"x", b"\n", b"\x1b[1m", b"\x08"]), max_size=30),
    cuts=st.lists(st.integers(0, 120), max_size=20),
)
def test_overlapping_secrets_leave_nothing_and_do_not_depend_on_the_cuts(data: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(data)
    secrets = {"one": "abcabc", "two": "bcabca"}
    edges = [0, *sorted(min(c, len(stream)) for c in cuts), len(stream)]
    out = through(Redactor(secrets), *(stream[a:b] for a, b in itertools.pairwise(edges)))
    assert b"abcabc" not in out
    assert b"bcabca" not in out


def test_quotes_inside_what_seems_to_be_a_string_for_the_terminal_hide_nothing() -> None:
    out = through(Redactor({"pw": "00000Ü"}), b"\x9d\n" + "000''00Ü\n".encode())
    assert out == b"\x9d\n[secret pw]\n"


def test_blanks_of_a_secret_are_not_lost_among_those_that_indent_lines() -> None:
    assert mask("x\n 0000\r\n    0 11\n", {"pw": " 00000 11"}) == "x\n [secret pw]\n"
    assert mask("x\ncorrect\n    horse battery\n", {"pw": "correct horse battery"}) == "x\n[secret pw]\n"


@pytest.mark.parametrize("outer", ["json", "json twice", "percent", "HTML, every letter", "base64 0", "hex"])
def test_dump_inside_of_another_encoding_is_masked(outer: str) -> None:
    known = Redactor({"pw": "hunter2-hunter"})
    for inner in sorted(DUMPS - {"base64 of xxd", "base64 of hexdump -C"}):
        redactor = known.another()
        through(redactor, b"x <" + FORMS[outer](FORMS[inner]("hunter2-hunter").decode()) + b"> y\n")
        assert redactor.masked, inner


def test_secret_with_dots_at_the_end_of_a_text_is_awaited() -> None:
    redactor = Redactor({"pw": "hunte..."})
    assert redactor.feed(b"the hunte") == b"the "
    assert redactor.feed(b"...\n") == b"[secret pw]\n"


def test_two_that_overlap_become_one_mark_and_two_in_a_row_two() -> None:
    assert mask("abcdefghij", {"one": "abcdef", "two": "efghij"}) == "[secret one]"
    assert mask("abcdefghijkl", {"one": "abcdef", "two": "ghijkl"}) == "[secret one][secret two]"
    assert mask("abcdefgh", {"short": "abcdef", "long": "abcdefgh"}) == "[secret long]"


def test_marks_are_counted_by_the_name_of_the_secret() -> None:
    redactor = Redactor({"ARP": "abcdef", "OTC": "efghij"})
    out = through(redactor, b"abcdef ab", b"cdef abcdefghij efghij PASSWORD=abc [secret ARP]")
    assert out == b"[secret ARP] [secret ARP] [secret ARP] [secret OTC] PASSWORD=[secret-shaped] [secret ARP]"
    assert redactor.counts == {"ARP": 3, "OTC": 1, "secret-shaped": 1}, "what was a mark already is none of ours"
    redactor.once(b"efghij")
    assert (redactor.counts["OTC"], redactor.masked) == (2, 6)


def test_secret_name_of_any_length_is_bounded() -> None:
    assert mask("abcdef", {"a]\x1b[2J\n": "abcdef"}) == "[secret a)⏎]"
    assert len(mask("abcdef", {"n" * 100_000: "abcdef"})) == len("[secret ]") + 80


def test_ordinary_output_is_not_held_back() -> None:
    redactor = Redactor({"pw": "hunter2hunter"})
    assert redactor.feed(b"Continue? [y/N] ") == b"Continue? [y/N] "
    assert not redactor.holds
    assert redactor.feed(b"hunt") == b""
    assert redactor.holds
    assert redactor.idle() == b"", "four letters of a secret are not shown, however long it takes"
    assert redactor.feed(b"ing\n") + redactor.idle() == b"hunting\n"


def test_line_that_ends_like_a_secret_begins_is_shown_when_nothing_follows() -> None:
    redactor = Redactor({"pw": "horse-battery"})
    assert redactor.feed(b"waiting for you: h") == b"waiting for you: "
    assert redactor.idle() == b"h"
    assert redactor.feed(b"orse-battery\n") == b"[secret pw]\n", "and what follows is masked all the same"


def test_secret_of_several_lines_each_of_its_lines() -> None:
    key = "-----BEGIN THING-----\nMIIEvQIBADANBgkqhkiG\n9w0BAQEFAASCBKcwggSj\n-----END THING-----"
    assert "MIIEvQ" not in mask(f"x {key} y", {"key": key})
    assert mask("cut: 9w0BAQEFAASCBKcwggSj!", {"key": key}) == "cut: [secret key]!"


def test_learnt_in_mid_stream_masks_from_then_on_also_what_is_held_back() -> None:
    redactor = Redactor({"old": "correct-horse"})
    assert redactor.feed(b"new-battery correct") == b"new-battery "
    redactor.add("new", "new-battery")
    assert redactor.feed(b"-horse new-battery") == b"[secret old] [secret new]"
    assert redactor.masked == 2


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_killed_in_the_middle_of_a_secret_the_part_that_came_is_masked(form: str) -> None:
    stream = FORMS[form]("hunter2hunter-horse")
    known = Redactor({"pw": "hunter2hunter-horse"})
    for came in range(1, len(stream)):
        redactor = known.another()
        out = redactor.feed(b"before " + stream[:came]) + redactor.idle() + redactor.flush(cut=True)
        assert b"hunter" not in project(out).text
        after = 120 if form == "base64, wrapped" else 5 * LONGEST.get(form, 1) + 8
        assert len(project(out).text) < len(b"before [secret pw]") + after, "and nothing that could be turned back"


def test_output_of_a_killed_step_keeps_short_words_and_text_that_begins_no_secret() -> None:
    for text in (b"hunte", b"the hunter", b"hunter3", b"http://localhost:8080", b"the bearer of it"):
        redactor = Redactor({"pw": "hunter2hunter"})
        expected = text if text != b"the hunter" else b"the [secret pw]"
        assert redactor.feed(text) + redactor.flush(cut=True) == expected
    redactor = Redactor({"pw": "hunter2hunter"})
    assert redactor.feed(b"the hunter") + redactor.flush() == b"the hunter", "at an orderly end it is a word"


@pytest.mark.parametrize("text", ["postgresql://app:S3cretPw", "ghp_a1a1a1a1", "Bearer abc4efgh", "eyJhbGciOi.eyJz"])
def test_killed_in_the_middle_of_what_looks_like_a_secret(text: str) -> None:
    redactor = Redactor({})
    out = redactor.feed(b"x " + text.encode()) + redactor.idle() + redactor.flush(cut=True)
    assert out.endswith(b"[secret-shaped]")
    assert not [part for part in ("S3cret", "a1a1", "abc4", "bGci") if part.encode() in out]


def test_short_ones_are_refused_by_name_and_not_by_value() -> None:
    with pytest.raises(ValueError, match="The secret pin has fewer than 6") as caught:
        Redactor({"pin": "98765"})
    assert "98765" not in str(caught.value)


def test_word_of_the_text_is_masked_wherever_it_stands_and_nothing_else() -> None:
    assert mask("the backup of backups", {"pw": "backup"}) == "the [secret pw] of [secret pw]s"
    assert mask("back up", {"pw": "backup"}) == "back up"


@settings(max_examples=examples(100))
@given(st.text(max_size=60))
def test_mask_gives_any_text_back(text: str) -> None:
    assert mask(text, {"pw": "0123456789-never-there"}) == text


def test_text_with_lone_surrogates_comes_through() -> None:
    for text in ("file\udcff.gz", "odd \ud800 one", "é\udcff\ud800"):
        assert mask(text, {"pw": "hunter2hunter"}) == text


OUTER = (
    "base64 1", "base64url 2", "base64, wrapped and indented", "hex", "HEX", "hex with :", "xxd -p", "percent, "
        "every byte",
    "percent, mixed case", "quoted-printable, every byte", "json", "HTML, every letter", "every byte with "
        "\\x", "shell", "SQL",
)  # fmt: skip
SHOWN = ("wrapped", "tabs", "CSI of eight bits in UTF-8", "zero width", "in a window title", "accents on every letter")
HIDDEN = ("base64 0", "base64, wrapped", "hex", "HEX with blanks", "percent, every byte", "json", "HTML, every letter")
INVISIBLE = {"zero width", "joiners", "soft hyphens", "byte order marks", "accents on every letter"}
"""Beyond ASCII: in base64 and hexadecimal digits nothing shows that they are text."""
INVISIBLE |= {name for name in FORMS if "eight bits" in name or "controls interrupt" in name}
CONTROLS = {"bells and deletes", "tabs", "overstruck", "UTF-16", "then a backspace", "backspaces"}
CONTROLS |= {name for name in FORMS if name.startswith("quoted-printable,")}
DUMPS = {name for name in FORMS if name.startswith(("od", "hexdump", "xxd", "base64 of xxd", "base64 of hexdump"))}


@pytest.mark.parametrize("outer", OUTER)
def test_two_encodings_one_in_the_other_are_masked(outer: str) -> None:
    known = Redactor({"pw": "hunter2-hunter"})
    leaks = []
    for inner, write in FORMS.items():
        encoded = write("hunter2-hunter")
        if not encoded.isascii() or inner in INVISIBLE | CONTROLS | DUMPS:
            continue
        redactor = known.another()
        out = through(redactor, b"x <" + FORMS[outer](encoded.decode()) + b"> y\n")
        leaks += [inner] if not redactor.masked or b"hunter" in out else []
    assert not leaks


@pytest.mark.parametrize("outer", SHOWN)
def test_encoding_that_a_terminal_shows_in_pieces_is_masked(outer: str) -> None:
    known = Redactor({"pw": "hunter2-hunter"})
    for inner in HIDDEN:
        redactor = known.another()
        through(redactor, b"x <" + FORMS[outer](FORMS[inner]("hunter2-hunter").decode()) + b"> y\n")
        assert redactor.masked, inner
