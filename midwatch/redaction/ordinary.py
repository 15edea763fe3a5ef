"""What stands where a secret could stand and is none: nothing, a number of tokens, a placeholder, a word about the
secret."""

from __future__ import annotations

import re

from midwatch.redaction.lazy_pattern import lazy_pattern

_WORDS = frozenset(
    b"""- null none nil nul true false yes no on off undefined unset empty n/a na void optional required missing invalid
    expired incorrect wrong unknown unchanged changed hidden masked redacted removed filtered sanitized protected
    string str text bytes bearer basic digest prompt ask default disabled enabled denied rejected accepted
    mismatch verified valid rotated revoked password passwd passphrase secret token key ok failed success
    scram-sha-256 md5 plaintext encrypted trust peer stdin env configured provided present absent set <nil> (null)
    (none) (unset) (hidden) not is was must should has have had will would can cannot may the a an this that your
    please see use used using from with for to of and or in at by if when option options signs needs takes reads
    means sets gives asks expects cannot files compat systemd sss sha1 sha256 sha384 sha512 sha-1 sha-256 sha-384
    sha-512 hs256 rs256 es256 aes128 aes256 aes-256 base64 utf-8 flag argument parameter instead requires value
    values authentication policy rotation manager store file generation reset""".split()
)
_PLACEHOLDER = lazy_pattern(
    rb"""\$\{?[A-Za-z_!#][\w.]*(?:[:}-][^\s"']*)?\}?          # $TOKEN, ${TOKEN}, ${TOKEN:-}
    | \$\(.*|\$\{\{.*|\$[0-9@*#?]                              # $(cat file), ${{ secrets.X }}, $1
    | \$env:\w+ | \\\$\{?\w+\}?
    | %\(\w+\)[sd] | %[sdrv] | %\w+% | %\{\w+\}
    | \{\{.*|\{%.*|\{[A-Za-z_.-]*\}|\{\d?\}
    | <[^<>]*>? | \[(?:\w[\w -]*)?\] | \((?:\w[\w -]*)?\)
    | :[A-Za-z_]\w* | @[A-Za-z_]\w* | \?
    | [*.~\xe2\x80\xa6\xa2\xe2\x97\x8f_=-]+ | [xX]{3,} | \#+
    | !\w.* | ENC\[.* | &\w+;?
    | (?:os\.|process\.|ENV\b|env\(|getenv|System\.|config\.|args\.|self\.|this\.|settings\.|var\.|local\.|data\.
    |module\.).*
    | [A-Za-z_][\w.]*\([^"']*                                  # a call
    | \[secret.*""",
    re.X | re.S,
)
_LEFT_OUT = lazy_pattern(rb"(?:[.*]|\xe2\x80\xa6|\xe2\x80\xa2)*")
_NAME_OF_ONE = lazy_pattern(rb"<?[A-Z][A-Z0-9_ -]*>?")
_PATH = lazy_pattern(
    rb"(?:file:|[~.]{0,2}/)(?:[\w .@+-]*/)*[\w "
    rb".@+-]*\.(?:key|pem|crt|cer|p12|pfx|jks|txt|json|ya?ml|conf|env|gpg|age|asc)"
    rb"|[\w.@+-]+\.(?:key|pem|crt|cer|p12|pfx|jks|gpg|age|asc)"
    rb"|(?:~|\.{1,2})/[\w "
    rb"./@+-]*|/(?:etc|var|run|home|root|opt|usr|tmp|secrets?|mnt|srv|data|keys|proc|dev)/[\w ./@+-]*"
)
_NUMBERED = lazy_pattern(rb"[A-Za-z]+(?:[-_./:][A-Za-z]+)*[-_.]?\d{0,4}")
_KEYWORD = lazy_pattern(rb"password|passwd|passphrase|secret|token|key|pw|pass", re.I)
_FEW_DIGITS = 6


def is_ordinary(value: bytes, *, of_password: bool) -> bool:
    """Whether this value gives nothing away. A number may be a password; of a token it counts something."""
    value = value.strip(b" \t")
    if not value or value.startswith(b"[secret"):
        return True
    plain = value.rstrip(b".,;:!)]}>").lower()
    if plain in _WORDS or value.lower() in _WORDS or (not plain and len(value) < 4):
        return True
    if not of_password and len(plain) <= _FEW_DIGITS and re.fullmatch(rb"-?[\d.,_]+[kmgsh]?", plain):
        return True
    if _PLACEHOLDER.fullmatch(value) or _PATH.fullmatch(value):
        return True
    return bool(_NAME_OF_ONE.fullmatch(value) and _KEYWORD.search(value))


def is_left_out(value: bytes) -> bool:
    """Whether somebody put dots or stars where the value was, or we our mark."""
    return bool(_LEFT_OUT.fullmatch(value.strip())) or value.lstrip().startswith((b"[secret", b"- [secret"))


def is_placeholder(value: bytes) -> bool:
    """Whether something else is put here later."""
    return is_left_out(value) or bool(_PLACEHOLDER.fullmatch(value))


def looks_random(word: bytes) -> bool:
    """Whether this is neither a word nor the name of something: words, and a number behind."""
    return looks_secret(word) and not _NUMBERED.fullmatch(word.strip(b".,;:"))


def looks_secret(word: bytes) -> bool:
    """Whether this is no word of a language: letters and digits mixed, or letters and signs."""
    if len(word) < 6:
        return False
    digits, signs = re.search(rb"\d", word), re.search(rb"[^\w.,:;'\"()/-]", word)
    letters = re.search(rb"[A-Za-z]", word)
    return bool((digits and letters) or (signs and (letters or digits)))
