"""Finds the value behind a head: where it starts, how far it may go, and whether it gives something away."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from midwatch.redaction import values
from midwatch.redaction.addresses import find_user_info, quote_before_scheme
from midwatch.redaction.contexts import Context, Test, Value
from midwatch.redaction.lazy_pattern import lazy_pattern
from midwatch.redaction.ordinary import is_left_out, is_ordinary, is_placeholder, looks_random, looks_secret
from midwatch.redaction.values import Extent

_QUOTE = lazy_pattern(rb"(\\{0,7})([\"'])")
_LINE_BYTES = 240
_NAME_IN_QUOTES = lazy_pattern(rb"(\\{0,7})([\"'])(?:--?)?[\w.$-]*\Z")
_BLOCK = lazy_pattern(rb"(?:[|>][+-]?\d?[+-]?[ \t]*(?:#[^\n]*)?)?\r?\n(?=[ \t])")
_ITEMS = lazy_pattern(rb"\r?\n(?=[ \t]*- )")
_FIRST_ITEM = lazy_pattern(rb"[ \t]*(?:- )?")
_LIST = lazy_pattern(rb"\[[ \t\r\n]*(?=[^\s\]])")
_KEY_OF_LINE = lazy_pattern(
    rb"[ \t]*(?:- |[#;*>]+ ?|//+ ?)?(?:export )?[\"']?[\w.()/-]{0,60}(?: [\w.()/-]{1,30}){0,4}[ _.-]?"
)
_ONE_KEY = lazy_pattern(rb"[ \t]*(?:- )?[\"']?[\w.-]{0,60}")
_COMMENT = lazy_pattern(rb"[ \t]#.*", re.S)
_PROMPTS_NOTHING = lazy_pattern(
    rb"(?:psql|pg_\w+|createdb|dropdb|vacuumdb|reindexdb|clusterdb|createuser|dropuser|initdb)\b[^\n|;&]*\Z"
)
_EMPTY = lazy_pattern(rb"[|>]?[+-]?[\r\n]|\Z")
_EXPANSION = lazy_pattern(rb"\$\{\w*\Z")
_DEFAULT = lazy_pattern(rb"(?<=:)[-=+]|(?<==)")
_DIRECTORY = lazy_pattern(rb"/[^\s;:=@]*")


class Reading(NamedTuple):
    """A value."""

    start: int
    extent: Extent
    gives_away: Callable[[bytes], bool]
    """Whether a complete value, or the beginning of a long one, is masked."""
    is_open: bool = False
    """Whether more may change all of it."""
    shown_when_idle: bool = False


def read(context: Context, window: bytes, keyword: int, at: int) -> Reading | None:
    """The value that starts at or after `at`; the keyword of its head stands at `keyword`. None when none can."""
    before = window[max(0, keyword - _LINE_BYTES) : keyword]
    line = before[max(before.rfind(b"\n"), before.rfind(b"\r")) + 1 :]
    match context.value:
        case Value.SETTING:
            return _setting(context, window, keyword, at, line)
        case Value.WORD:
            if context.name.startswith("option") and _PROMPTS_NOTHING.search(line):
                return None
            return _word(context.test, window, at, line, line + window[keyword:at])
        case Value.SQL:
            return _sql(context.test, window, at)
        case Value.USER_AND_PASSWORD:
            return _user_and_password(context.test, window, at, line)
        case Value.LINE:
            gives_away = tester(context.test)
            if context.name == ".pgpass line":
                gives_away = _password_of_line(line + window[keyword:at])
            return Reading(at, values.line(_enclosing(line, window[keyword:at])), gives_away)
        case Value.COOKIE:
            return Reading(at, values.until(rb";\s\"'"), tester(context.test))
        case Value.ELEMENT:
            return Reading(at, values.until(rb"<\"\r\n"), tester(context.test))
        case Value.PATH_PART:
            return Reading(at, values.until(rb"\s\"'<>&|;,)\]}\\`#"), tester(context.test))
        case Value.USER_INFO:
            return _user_info(context, window, at, line)
        case Value.BEFORE:
            found = context.before.search(line) if context.before else None
            return (
                Reading(keyword - len(found[1]), values.exactly(len(found[1])), tester(context.test)) if found else None
            )
        case Value.DIGEST:
            return Reading(at, _DIGEST, tester(context.test))
        case Value.KEY_BLOCK:
            return Reading(at, values.key_block(), _holds_key)
        case Value.PUTTY:
            return Reading(at, values.putty_lines(), tester(context.test))
        case Value.PIECE:
            return Reading(at, _PIECE, tester(context.test))


_DIGITS_AND_COLONS = lazy_pattern(rb"\d*:[\d:]*")
_USUAL_PORT = lazy_pattern(rb":(?:\*|\d{4,5}):")
_ADDRESS = lazy_pattern(rb"\s*[0-9A-Fa-f:./]*")
_SUBSTITUTION = lazy_pattern(rb"[<$]\([^()]*\Z")
_DIGEST = Extent(lazy_pattern(rb"[./0-9A-Za-z]*"))
_PIECE = Extent(lazy_pattern(rb"(?:[^\"\r\n]|\"(?=[^\s,]))*"), 2)


def tester(test: Test) -> Callable[[bytes], bool]:
    return _TESTS[test]


_TESTS: dict[Test, Callable[[bytes], bool]] = {
    Test.ANY: lambda value: not is_left_out(value),
    Test.ADDRESS: lambda value: not is_placeholder(value),
    Test.PASSWORD: lambda value: not is_ordinary(value, of_password=True),
    Test.TOKEN: lambda value: not is_ordinary(value, of_password=False),
    Test.RANDOM: lambda value: looks_random(value) and not is_ordinary(value, of_password=False),
    Test.MIXED: lambda value: looks_secret(value) and not is_ordinary(value, of_password=False),
}


def _password_of_line(before: bytes) -> Callable[[bytes], bool]:
    """An address of IPv6, a line of `shadow` and what `grep -n` shows have colons as well."""
    gives_away = tester(Test.PASSWORD if _USUAL_PORT.search(before) else Test.MIXED)
    return lambda value: (
        gives_away(value)
        and not _DIGITS_AND_COLONS.fullmatch(value)
        and not _ADDRESS.fullmatch(before + value.split()[0])
    )


def _holds_key(value: bytes) -> bool:
    return not re.match(rb"(?s)\s{0,8}(?:\[secret|-----|\Z)", value)


def _enclosing(line: bytes, head: bytes = b"") -> bytes:
    """The quote that is open at the end of this part of a line."""
    open_quote = b""
    for found in re.finditer(rb"\\.|[\"'`]", line + head):
        quote = found[0]
        if quote in (b'"', b"'", b"`"):
            if not open_quote:
                before = (line + head)[: found.start()]
                if quote == b"'" and before[-1:].isalnum():
                    continue  # an apostrophe
                open_quote = quote
            elif quote == open_quote:
                open_quote = b""
    return open_quote


def _quoted(test: Callable[[bytes], bool], window: bytes, at: int) -> Reading | None:
    quote = _QUOTE.match(window, at)
    if quote is None:
        return None
    return Reading(quote.end(), values.quoted(quote[2], len(quote[1])), test)


def _word(test: Test, window: bytes, at: int, line: bytes, before: bytes) -> Reading:
    gives_away = tester(test)
    stops = b")" if _SUBSTITUTION.search(before) else b""
    word = values.word(_enclosing(line), stops=stops, settings=False)
    return _quoted(gives_away, window, at) or Reading(at, word, gives_away)


def _sql(test: Test, window: bytes, at: int) -> Reading | None:
    gives_away = tester(test)
    if window.startswith(b"$$", at):
        return Reading(at + 2, values.until(rb"$"), gives_away)
    return _quoted(gives_away, window, at) or Reading(at, values.until(rb"\s;,)\"'"), gives_away)


def _setting(context: Context, window: bytes, keyword: int, at: int, line: bytes) -> Reading | None:
    gives_away = tester(context.test)
    name = line[len(line) - len(re.search(rb"[\w.$-]*\Z", line)[0]) :]  # type: ignore[index]
    head = window[keyword:at]
    if name.upper() in (b"", b"OLD") and head.upper().startswith(b"PWD=") and _DIRECTORY.match(window, at):
        return None
    if _EXPANSION.search(line):
        default = _DEFAULT.match(window, at)
        return Reading(default.end(), values.until(rb"}\s"), gives_away) if default else None
    if quoted := _quoted(gives_away, window, at):
        return quoted
    if (block := _ITEMS.match(window, at) or _BLOCK.match(window, at)) and b":" in head:
        columns = len(line) - len(line.lstrip(b" \t"))
        columns += 2 if line.lstrip(b" \t").startswith(b"- ") else 0
        bare = window[at : at + 1] not in b"|>"
        if bare and not window[block.end() :].lstrip(b" \t").startswith(b"- "):
            return None
        if bare and not head.lower().rstrip(b": \t\"'").endswith(b"s"):
            return None
        first = _FIRST_ITEM.match(window, block.end())
        return Reading(first.end() if first else block.end(), values.indented(columns, items=bare), tester(Test.ANY))
    if _EMPTY.match(window, at) or window.startswith(b"`", at):
        return None
    if found := _LIST.match(window, at):
        if b"secret" in window[at : at + 8]:
            return None
        return Reading(found.end(), values.until(rb"\]"), lambda value: gives_away(value.strip(b"\"' ")))
    return _plain_setting(context, window, at, line, head)


def _plain_setting(context: Context, window: bytes, at: int, line: bytes, head: bytes) -> Reading | None:
    gives_away = tester(context.test)
    enclosing = _enclosing(line)
    direct = _NAME_IN_QUOTES.search(line)
    query = re.search(rb"[?&;](?:[\w.%-]|\[)*\Z", line)
    if query and query[0][:1] in b"?&":
        return Reading(at, values.word(enclosing, query=True, settings=False), gives_away)
    colon = head.rstrip().endswith(b":")
    if colon:
        return (
            Reading(at, values.line(enclosing), _value_of_line(gives_away, context, line))
            if not enclosing
            else Reading(at, values.word(enclosing, stops=rb",\]})"), gives_away)
        )
    if b"=" in head and not re.search(rb"[\"'`]", head) and ((direct and not direct[1]) or b";" in line):
        return Reading(
            at,
            _enclosed(direct[2] if direct else enclosing),
            lambda value: all(map(gives_away, (value, value.split(None, 1)[0]))),
        )
    return Reading(at, values.word(enclosing), gives_away)


def _enclosed(quote: bytes) -> Extent:
    """A value that has no quotes of its own, in a string that has: blanks belong to it unless another setting
    follows."""
    pattern = (
        rb"(?:[^\\\s;&%b]|\\.?|[;&](?!\s|[\"']|\Z|[A-Za-z][\w .-]{0,40}=)|[ "
        rb"\t]+(?=[^\s=%b;|&>-][^\s=%b]*(?:[\s%b]|\Z)))*"
    )
    q = quote or b"\x00"
    if not quote:
        pattern = rb"(?:[^\\\s;&%b%b%b%b]|\\.?|[;&](?!\s|[\"']|\Z|[A-Za-z][\w .-]{0,40}=))*"
    return values.word(quote)._replace(more=re.compile(pattern % (q, q, q, q)))


def _value_of_line(gives_away: Callable[[bytes], bool], context: Context, line: bytes) -> Callable[[bytes], bool]:
    """After a colon and without quotes: all of the line, when it is one word or the line is a setting."""

    def test(value: bytes) -> bool:
        value = _COMMENT.sub(b"", value.strip()).strip()
        first, *more = value.split(None, 1)[:2] or [b""]
        if not gives_away(first.rstrip(b",;")) and (more or not gives_away(value)):
            return False
        if not more:
            return True
        if looks_secret(first.strip(b",;.:)(\"'")):
            return True
        return bool(
            context.test is Test.PASSWORD and _ONE_KEY.fullmatch(line) and not first.endswith((b",", b".", b":"))
        )

    return test


def _user_and_password(test: Test, window: bytes, at: int, line: bytes) -> Reading | None:
    quote = _QUOTE.match(window, at)
    start, enclosing = (quote.end(), quote[2]) if quote else (at, _enclosing(line))
    stop = rb"\s" if not quote else rb""
    found = re.compile(rb"[^%b:,%%/]{0,128}[:,%%/]" % (stop + (enclosing or b"\x00"))).match(window, start)
    if found is None:
        return None
    gives_away = tester(test)
    extent = values.quoted(quote[2]) if quote else values.word(enclosing, settings=False)
    return Reading(found.end(), extent, lambda value: not value.startswith(b"//") and gives_away(value))


def _user_info(context: Context, window: bytes, at: int, line: bytes) -> Reading | None:
    quote = window[at - 1 : at] if context.keywords != (b"://",) else quote_before_scheme(line)
    found = find_user_info(window, at, quote if quote in (b'"', b"'", b"`") else _enclosing(line))
    if found is None:
        return None
    size, is_open, is_port = found
    gives_away = tester(context.test) if size > 0 else _never
    return Reading(at, values.exactly(size), gives_away, is_open=is_open, shown_when_idle=is_port)


def _never(_: bytes) -> bool:
    return False
