"""What counts as a reason: words that say why. An answer to another question, typed a moment too late, is none."""

from __future__ import annotations

import re
import unicodedata

from midwatch.system.errors import BadInput, Refused, SourceLocation
from midwatch.system.shortened import shortened

_HINT = "Say why in a few words"
_LETTERS = re.compile(r"[^\W\d_]+")
_REPEATED = re.compile(r"(.)\1+")
_ANSWERS = """
    y yes yea yeah yep yup ye aye sure agree agreed accept accepted confirm confirmed
    n no nah nay nope na none nil
    ok oke okay okey okee kay k
    ja jau jo jep jawohl genau nein nee nö ne doch
    si oui ouais non da niet njet nyet nei nej hai tak nie sim nao ano evet hayir да нет
    cancel abort quit exit esc abbruch abbrechen
    please thanks thank you bitte danke
"""
"""Words that answer a question, alone and one after the other: `no, no`, `ok cancel`."""
_WHOLE_ANSWERS = """
    fine right correct true false wrong never not null stop leave back goback close end next go goon continue proceed
    enter return escape ctrl control space tab help refuse deny gut klar stimmt ende weiter zurück schließen
"""
"""Words that answer a question only where nothing else is said: `no space` is a reason."""
_PLACEHOLDERS = """
    reason reasons grund given without ohne kein keine keiner because just weil whatever egal unknown unbekannt
    idk dunno tbd todo placeholder same ditto dito dummy asd asdf asdfg asdfgh sdf dfg jkl qwe qwer qwert qwerty
    qwertz yxcv zxcv foo bar baz bla blah blub lorem ipsum abc xyz
"""
"""Words that stand where a reason should: `no reason`, `just because`, `asdf`."""


def _plain(text: str) -> str:
    """The text without case, accents and ornament: `Ｓí` becomes `si`."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(character for character in decomposed if not unicodedata.combining(character))


def _squeezed(word: str) -> str:
    """The word with each letter once where it is repeated: `nooo` becomes `no`."""
    return _REPEATED.sub(r"\1", word)


_SQUEEZED_ANSWERS = frozenset(_squeezed(_plain(word)) for word in _ANSWERS.split())
_SQUEEZED_WHOLE = frozenset(_squeezed(_plain(word)) for word in _WHOLE_ANSWERS.split())
_SQUEEZED_PLACEHOLDERS = _SQUEEZED_ANSWERS | {_squeezed(_plain(word)) for word in _PLACEHOLDERS.split()}


def _words(text: str) -> list[str]:
    return [_squeezed(word) for word in _LETTERS.findall(_plain(text))]


def is_answer(text: str) -> bool:
    """Whether the text only answers yes or no, or names a way out, in whatever case, spacing and punctuation."""
    return _is_yes_or_no(text) or _is_whole_answer(text)


def _is_yes_or_no(text: str) -> bool:
    words = _words(text)
    if not words:
        return False
    answers = all(word in _SQUEEZED_ANSWERS or (len(word) == 1 and word.isascii()) for word in words)
    return answers or _squeezed("".join(words)) in _SQUEEZED_ANSWERS


def _is_whole_answer(text: str) -> bool:
    return _squeezed("".join(_words(text))) in _SQUEEZED_WHOLE


def fault_of_reason(text: str) -> str:
    """Why the text is no reason, as a sentence without its full stop; empty when the text is one."""
    given = text.strip()
    if not given:
        return "A reason is missing"
    if len({character for character in _plain(given) if character.isalpha()}) < 2:
        return f"{shortened(given)!r} is no reason: a reason has more than one letter"
    if _is_yes_or_no(given):
        return f"{shortened(given)!r} is no reason: it answers a question of yes or no"
    if _is_whole_answer(given) or _SQUEEZED_PLACEHOLDERS.issuperset(_words(given)):
        return f"{shortened(given)!r} is no reason: it does not say why"
    return ""


def require_reason(text: str, *, place: SourceLocation | None = None) -> str:
    """The reason without its edges. Raises `Refused` for a text that gives none, or `BadInput` where the text has a
    place."""
    fault = fault_of_reason(text)
    if fault and place is not None:
        raise BadInput(fault, place=place, hint=_HINT)
    if fault:
        raise Refused(fault, hint=_HINT)
    return text.strip()


def optional_reason(text: str, *, place: SourceLocation | None = None) -> str:
    """As `require_reason`, where a reason may be left out: a blank text is the empty reason."""
    return require_reason(text, place=place) if text.strip() else ""


def name_to_confirm(name: str) -> str:
    """What is typed to confirm a destruction of this name. No answer ever confirms one: `y` becomes `destroy y`."""
    return f"destroy {name}" if is_answer(name) else name
