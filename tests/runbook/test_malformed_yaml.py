"""Files that are no YAML, or YAML's traps: one sentence with its position each, quickly, and never a traceback."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from midwatch.runbook.loader import RunbookErrors, load
from midwatch.runbook.source import LIMIT
from midwatch.runbook.yaml_loader import parse_yaml, plain, read_yaml
from tests.runbook.small_actions import Errors

BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(20)
)


def sentence(path: Path) -> str:
    """The one line that the loader says about a file, without its folder."""
    with pytest.raises(RunbookErrors) as caught:
        load(path, environment={})
    assert len(caught.value.errors) == 1
    return str(caught.value).replace(f"{path.parent}/", "")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "r.yaml:1:1: There is nothing in this file. Begin with: midwatch: 1."),
        ("# only a remark\n", "r.yaml:1:1: There is nothing in this file. Begin with: midwatch: 1."),
        ("midwatch: 1\ntitle: a: b\n", "r.yaml:2:9: A colon stands where no key can be. "),
        ("midwatch: 1\n\ttitle: a\n", "r.yaml:2:1: A tab cannot indent. Use spaces."),
        ("midwatch: 1\nphases:\n  - a\n\t- b\n", "r.yaml:4:1: A tab cannot indent. Use spaces."),
        ("midwatch: 1\ntitle: @home\n", "r.yaml:2:8: Text cannot begin with '@' here. Put the text in quotes."),
        ("midwatch: 1\ntitle: %x\n", "r.yaml:2:8: Text cannot begin with '%' here. Put the text in quotes."),
        ('midwatch: 1\ntitle: "open\n', "r.yaml:3:1: The file ends inside a quoted text. Close the quotes."),
        ("midwatch: 1\nphases: [a, b\ntitle: x\n", "r.yaml:3:6: A list or table in brackets goes wrong here. "),
        ("midwatch: 1\n  title: x\n", "r.yaml:2:8: A colon stands where no key can be. "),
        ("a:\n  title:\u00a0x\n  b: 1\n", "r.yaml:2:9: A blank that is no ordinary one (U+00A0) stands here, "),
        ("a:\n  - {title: a {{ b.c }}}\n", "r.yaml:2:15: A list or table in brackets goes wrong here. Put the whole"),
        ("a:\n  b: {{ c.d }}\n", "r.yaml:2:7: A key has to be text, not a list or a table. Put text that begins with"),
        ("a:\n    b: 1\n  c: 2\n", "r.yaml:3:3: This line does not fit the lines above. "),
        ('title: "\\q"\n', "r.yaml:1:9: A backslash in double quotes begins an unknown escape. "),
        ("midwatch: 1\n---\nmidwatch: 1\n", "r.yaml:2:1: A second document begins here. "),
        ("a: 'it's'\n", "r.yaml:1:8: Something follows a closing quote. Quote the whole value; "),
        ("a: >x\n  b\n", "r.yaml:1:5: Text begins on the line after | or >. "),
        ("a: [b, }\n", "r.yaml:1:8: A value is expected here. "),
        ("midwatch:1\ntitle:x\n", "r.yaml:1:1: This is not a runbook. Put a space after each colon."),
        ("a: &x 1\nb: *x\n", "r.yaml:1:4: Anchors and aliases (&name, *name) are not part of the format. "),
        ("a: &x [*x]\n", "r.yaml:1:4: Anchors and aliases (&name, *name) are not part of the format. "),
        ("a: *nowhere\n", "r.yaml:1:4: Anchors and aliases (&name, *name) are not part of the format. "),
        (BOMB, "r.yaml:1:4: Anchors and aliases (&name, *name) are not part of the format. "),
        (
            "a: !!python/object/apply:os.system [id]\n",
            "r.yaml:1:4: Tags such as tag:yaml.org,2002:python/object/apply:os.system",
        ),
        ("a: !x 1\n", "r.yaml:1:4: Tags such as !x are not part of the format. "),
        ("? [a, b]\n: 1\n", "r.yaml:1:3: A key has to be text, not a list or a table."),
        ("[" * 5000, "r.yaml:1:25: Lists and tables are nested more than 24 deep here."),
        ("- " * 200 + "x\n", "r.yaml:1:49: Lists and tables are nested more than 24 deep here."),
        ("- a\n- b\n", "r.yaml:1:1: This is not a runbook. Begin with: midwatch: 1."),
        ("just text\n", "r.yaml:1:1: This is not a runbook. Begin with: midwatch: 1."),
        ("midwatch-site: 1\n", "r.yaml:1:1: This is a site file, not a runbook. Begin with: midwatch: 1."),
        (
            "midwatch: 2\n",
            "r.yaml:1:11: The file is written in version 2 of the format; this Midwatch reads version 1. ",
        ),
    ],
)
def test_yaml_error_is_one_sentence_at_its_position(tmp_path: Path, text: str, line: str) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(text)
    assert sentence(path).startswith(line)


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"midwatch: 1\ntitle: \x00\n", "r.yaml:2:8: A control character (U+0000) stands here. "),
        (b"midwatch: 1\ntitle: a\x1b[2J\n", "r.yaml:2:9: A control character (U+001B) stands here. "),
        (b"midwatch: 1\ntitle: caf\xe9\n", "r.yaml:2:11: The byte 0xE9 is not UTF-8 text. Save it as UTF-8."),
        ("midwatch: 1\n".encode("utf-16"), "r.yaml:1:1: The file is written in UTF-16. Save it as UTF-8."),
        ("midwatch: 1\n".encode("utf-32"), "r.yaml:1:1: The file is written in UTF-32. Save it as UTF-8."),
        ("midwatch: 1 # a\u2028title: b".encode(), "r.yaml:1:16: A control character (U+2028) stands here. "),
        (b"\x7fELF\x02\x01\x01", "r.yaml:1:1: A control character (U+007F) stands here. "),
    ],
)
def test_bytes_that_are_no_text(tmp_path: Path, data: bytes, line: str) -> None:
    path = tmp_path / "r.yaml"
    path.write_bytes(data)
    assert sentence(path).startswith(line)


def test_file_of_ten_megabytes_is_refused_without_reading_it(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_bytes(b"# " + b"x" * 10_000_000)
    assert sentence(path) == "r.yaml: The file is longer than 1 MiB (10,000,002 bytes). Is this the right file?"
    with path.open("wb") as file:
        file.truncate(1 << 40)  # a terabyte of nothing: only its length may be looked at
    started = time.process_time()
    assert "longer than 1 MiB" in sentence(path)
    assert time.process_time() - started < 1


HEAD = "midwatch: 1\ntitle: t\nseverity: SEV-1\n"
PHASE = HEAD + "phases:\n  - title: p\n    steps:\n"
ONE_STEP = "phases: [{title: p, steps: [{title: s, uses: x, with: {target: n1}}]}]\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("head", "line", "tail"),
    [
        (PHASE, "      - {id: s%d, title: b}\n", ""),
        (HEAD + "phases:\n", "  - {title: p%d, steps: [{title: b%d, depends_on: b1%d}]}\n", ""),
        (PHASE[:-10], "  - {title: p%d}\n", ""),
        (PHASE + "      - {title: s, depends_on: [x", ", n%d", "]}\n"),
        (HEAD, "titel%d: b\n", ""),
        (HEAD + "targets:\n", "  n%d: {kind: local, database: x, host: y}\n", ONE_STEP),
        (HEAD + "panels:\n  disk:\n", "    key%d: x\n", ""),
        (HEAD + ONE_STEP, "# %d remark\n", ""),
        (HEAD + ONE_STEP, "title: t%d\n", ""),
    ],
)
def test_longest_files_that_are_read_take_seconds_at_most(tmp_path: Path, head: str, line: str, tail: str) -> None:
    made, length, number = [head], len(head) + len(tail), 0
    while length < LIMIT - 100:
        number += 1
        made.append(line.replace("%d", str(number)))
        length += len(made[-1])
    path = tmp_path / "r.yaml"
    path.write_text("".join(made) + tail)
    started = time.process_time()
    with pytest.raises(RunbookErrors) as caught:
        load(path, environment={})
    assert time.process_time() - started < 15
    assert len(caught.value.errors) <= 100
    assert len(str(caught.value)) < 40_000


@pytest.mark.slow
@pytest.mark.parametrize("count", [900, 2])
def test_long_circles_are_told_in_one_short_line(tmp_path: Path, count: int) -> None:
    steps = "".join(f"      - {{id: s{n}, title: b, depends_on: s{(n + 1) % count}}}\n" for n in range(count))
    (tmp_path / "r.yaml").write_text(PHASE + steps)
    started = time.process_time()
    with pytest.raises(RunbookErrors, match="These steps wait for one another: s0 → s1") as caught:
        load(tmp_path / "r.yaml", environment={})
    assert time.process_time() - started < 5
    assert all(len(str(error)) < 400 for error in caught.value.errors)


def test_path_that_is_no_file_is_one_sentence(tmp_path: Path) -> None:
    assert sentence(tmp_path / "none.yaml") == "none.yaml: There is no such file."
    (tmp_path / "folder").mkdir()
    assert sentence(tmp_path / "folder") == "folder: This is a folder, not a file."
    os.mkfifo(tmp_path / "pipe")
    assert sentence(tmp_path / "pipe") == "pipe: This is not a regular file."
    (tmp_path / "loop").symlink_to("loop")
    assert sentence(tmp_path / "loop") == "loop: The file cannot be read: Too many levels of symbolic links."
    (tmp_path / "file").touch()
    assert "Not a directory" in sentence(tmp_path / "file" / "r.yaml")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_file_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.touch(mode=0o000)
    assert sentence(path) == "r.yaml: The file cannot be read: Permission denied."


def test_duplicate_keys_are_all_told(errors_of: Errors) -> None:
    found = errors_of(
        "midwatch: 1\ntitle: a\ntitle: b\nseverity: SEV-1\nphases:\n  - {title: p, title: q, steps: [{title: s}]}\n"
    )
    assert found == [
        "r.yaml:3:1: The key 'title' is given twice; the first is in line 2. Keep one of them.",
        "r.yaml:6:16: The key 'title' is given twice; the first is in line 6. Keep one of them.",
    ]


@pytest.mark.parametrize("escape", ["\\e[2J", "\\0", "\\u202E", "\\u0085"])
def test_escapes_that_hide_something_are_refused(errors_of: Errors, escape: str) -> None:
    text = f'midwatch: 1\nseverity: SEV-1\ntitle: "a{escape}b"\nphases: [{{title: p, steps: [{{title: s}}]}}]\n'
    assert [line.split(" (")[0] for line in errors_of(text)] == [
        "r.yaml:3:8: This text contains a character that cannot be seen"
    ]


def test_scalars_are_those_of_yaml_1_2(tmp_path: Path) -> None:
    text = "[no, on, off, yes, 12:30, 0640, 2026-11-23, 1.10, 1_000, 0o17, true, 7, ~, '7', .inf, <<]"
    node, problems = parse_yaml(text, "x")
    assert problems == []
    expected = [
        "no",
        "on",
        "off",
        "yes",
        "12:30",
        "0640",
        "2026-11-23",
        "1.10",
        "1_000",
        "0o17",
        True,
        7,
        None,
        "7",
        ".inf",
        "<<",
    ]
    assert plain(node) == expected


def test_byte_order_mark_of_utf_8_is_let_in(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_bytes(b"\xef\xbb\xbfmidwatch: 1\r\ntitle: a\r\n")
    assert plain(read_yaml(path)) == {"midwatch": 1, "title": "a"}
