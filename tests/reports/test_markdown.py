"""Whatever a foreign text holds, Markdown shows it as text and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given

from midwatch.reports.markdown import bullets, cell_code, code, code_block, lines, sentence, table, text
from midwatch.system.sanitize import safe_text
from tests.support.markdown_shape import PARSER, PIECES, WORDS, shape

assert PARSER.linkify is not None
PARSER.linkify.set({"fuzzy_link": False}).add("//", None)  # like GitHub, which takes no bare name.tld for a link
PIECES += ["\n---", "\n===", "| a |", "1. ", "mailto:a@b.c", "ftp://x.y", "    x", "\\", "HTTPS://X.Y", "_x_", "~~x~~"]


def shown(markdown: str) -> str:
    """The text that a reader sees."""
    inline = [token for token in PARSER.parse(markdown) if token.type == "inline"]
    return "\n".join("".join(child.content for child in token.children or []) for token in inline)


@given(WORDS)
def test_line_of_foreign_text_is_a_paragraph_of_that_text(foreign: str) -> None:
    markdown = text(foreign)
    seen = " ".join(safe_text(foreign.strip()).split())
    assert shape(f"x {markdown}") == shape("x y")
    assert shown(f"x {markdown}").removeprefix("x").strip() == seen.strip()
    if markdown:
        assert shape(markdown) == shape("y")
        assert shape(bullets([markdown])) == shape(bullets(["y"]))
    assert shape(table(("a", markdown or "-"), [(markdown, "b")])) == shape(table(("a", "x"), [("y", "b")]))


@given(WORDS)
def test_markdown_of_several_lines_stays_paragraphs(foreign: str) -> None:
    assert set(shape(lines(foreign))) <= {"paragraph_open", "inline", "paragraph_close"}


@given(WORDS)
def test_markdown_code_stays_code(foreign: str) -> None:
    assert shape(f"x {code(foreign)} y") == shape("x `y` y")
    assert shape(table(("a", "b"), [(cell_code(foreign), "b")])) == shape(table(("a", "b"), [("`y`", "b")]))
    block = f"- x\n  - y\n\n{code_block(foreign, indent='    ')}\n\n  - z"
    assert shape(block) == shape("- x\n  - y\n\n    ```\n    y\n    ```\n\n  - z")


def test_code_is_shown_as_it_is() -> None:
    assert shown(f"x {code('a || b `c`')}") == "x a || b `c`"
    assert shown(table(("a",), [(cell_code("a || b"),)])) == "a\na || b"
    [block] = [token for token in PARSER.parse(code_block("if x\n``` \n  y || z\n")) if token.type == "fence"]
    assert block.content == "if x\n```\n  y || z\n"


@given(WORDS)
def test_sentence_is_a_paragraph_of_its_words_with_code_at_most(foreign: str) -> None:
    markdown = sentence(foreign)
    assert [kind for kind in shape(f"x {markdown}") if kind != "code_inline"] == shape("x y")
    cells = shape(table(("a", markdown or "-"), [(markdown, "b")]))
    assert [kind for kind in cells if kind != "code_inline"] == shape(table(("a", "x"), [("y", "b")]))


@pytest.mark.parametrize(
    ("foreign", "markdown"),
    [
        ("read with `df -h`, then\n`du -x /`: *full*", "read with `df -h`, then `du -x /`: \\*full\\*"),
        ("one ` alone", "one \\` alone"),
        ("`a | b`", "\\`a \\| b\\`"),
        ("two lines\r\n\r\nof words", "two lines of words"),
    ],
)
def test_sentence_keeps_what_its_author_meant(foreign: str, markdown: str) -> None:
    assert sentence(foreign) == markdown


def test_command_in_an_export_is_the_command_byte_by_byte() -> None:
    command = "cat <<-'EOF' | sed 's/\t/ /'\n\tone \n\n\t\ttwo\t\n\tEOF\n"
    block = f"- x\n  - Ran:\n\n{code_block(command, indent='    ', exact=True)}\n"
    assert [token.content for token in PARSER.parse(block) if token.type == "fence"] == [command]
    [paragraph] = [
        token for token in PARSER.parse(f"Ran: {code('printf a	b', exact=True)}") if token.type == "inline"
    ]
    assert [token.content for token in paragraph.children or [] if token.type == "code_inline"] == ["printf a\tb"]


@pytest.mark.parametrize(
    ("foreign", "markdown"),
    [
        ("disk /backups 96 % → 71 %", "disk /backups 96 % → 71 %"),
        ("arp-db-prod, step_output and 3.2", "arp-db-prod, step_output and 3.2"),
        ("ada@bastion", "ada@bastion"),
        ("# not a heading", "\\# not a heading"),
        ("1. not a list", "1\\. not a list"),
        ("[x](http://evil)", "\\[x\\](http\\://evil)"),
        ("<script>", "\\<script\\>"),
        ("a\nb", "a⏎b"),
        ("a | b", "a \\| b"),
    ],
)
def test_ordinary_text_is_left_alone_and_the_rest_is_escaped(foreign: str, markdown: str) -> None:
    assert text(foreign) == markdown
