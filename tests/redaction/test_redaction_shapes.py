"""What looks like a secret is masked, what only sounds like one is not, and nothing takes more than a look."""

from __future__ import annotations

import itertools
import subprocess
import sys
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from midwatch.redaction import Redactor, mask
from tests.support.examples import examples

MD5 = "md5" + "0123456789abcdef" * 2
SHAPED = {
    "postgresql://app:S3cretPw@db:5432/arp": ("postgresql://app:", "S3cretPw", "@db:5432/arp"),
    "postgresql://app:pa/ss@h/db": ("postgresql://app:", "pa/ss", "@h/db"),
    "redis://:p%zz@cache:6379": ("redis://:", "p%zz", "@cache:6379"),
    "https://u:p@ss@host/": ("https://u:", "p@ss", "@host/"),
    "PGPASSWORD=hunter2 pg_dump": ("PGPASSWORD=", "hunter2", " pg_dump"),
    "POSTGRES_PASSWORD=a;b&c": ("POSTGRES_PASSWORD=", "a;b&c", ""),
    "--password='with blanks' x": ("--password='", "with blanks", "' x"),
    "host=h password=my secret": ("host=h password=", "my", " secret"),
    "password = changeme": ("password = ", "changeme", ""),
    "AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7": ("AWS_SECRET_ACCESS_KEY=", "wJalrXUtnFEMI/K7", ""),
    '{"password": "x\\"y", "n": 1}': ('{"password": "', 'x\\"y', '", "n": 1}'),
    "{'api_key': 'abc'}": ("{'api_key': '", "abc", "'}"),
    "Authorization: Bearer tok": ("Authorization: Bearer ", "tok", ""),
    "Authorization: Basic dTpw": ("Authorization: Basic ", "dTpw", ""),
    "curl -H 'bearer abcdefghij0123456789'": ("curl -H 'bearer ", "abcdefghij0123456789", "'"),
    "id AKIAIOSFODNN7EXAMPLE here": ("id ", "AKIAIOSFODNN7EXAMPLE", " here"),
    "key AGE-SECRET-KEY-1" + "Q7" * 29 + " of ada": ("key ", "AGE-SECRET-KEY-1" + "Q7" * 29, " of ada"),
    "ghp_" + "a1" * 18 + " x": ("", "ghp_" + "a1" * 18, " x"),
    "SCRAM-SHA-256$4096:c2FsdA==$U3Q=:U2s= |": ("SCRAM-SHA-256$", "4096:c2FsdA==$U3Q=:U2s=", " |"),
    f"| {MD5} |": ("| ", MD5, " |"),
    "ALTER ROLE a PASSWORD 'it''s me';": ("ALTER ROLE a PASSWORD '", "it''s me", "';"),
    "CREATE USER u IDENTIFIED BY 'pw'": ("CREATE USER u IDENTIFIED BY '", "pw", "'"),
    'invalid integer value "pa" for connection option "port"': (
        'invalid integer value "',
        "pa",
        '" for connection option "port"',
    ),
    'invalid percent-encoded token: "p%zz"': ('invalid percent-encoded token: "', "p%zz", '"'),
    'missing "=" after "se"cret" in connection': ('missing "=" after "', 'se"cret', '" in connection'),
    'translate host name "ss@w@h" to address': ('translate host name "', "ss@w", '@h" to address'),
    "failed to resolve host 'ss@h': no": ("failed to resolve host '", "ss", "@h': no"),
    "-----BEGIN RSA PRIVATE KEY-----\nMII\n=\n-----END RSA PRIVATE KEY-----\nok": (
        "-----BEGIN RSA PRIVATE KEY-----",
        "\nMII\n=\n",
        "-----END RSA PRIVATE KEY-----\nok",
    ),
}
ORDINARY = [
    'FATAL:  password authentication failed for user "arp"',
    "[ERROR] Unable to connect to arp-db-prod: authentication failed",
    "http://localhost:8080/path?mail=a@b.c and https://host:443",
    "listening on tcp://0.0.0.0:5432",
    "Password: ",
    "set a new password, then tell the Tech Lead",
    "md5sum of the file: d41d8cd98f00b204e9800998ecf8427e",
    "the bearer of this message; Bearer authentication is on",
    "PWD=/root OLDPWD=/tmp",
    "password_encryption = 'scram-sha-256'",
    "-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----",
    "tokens=512 secrets: 3",
    "tokenizer=fast basic authentication",
    "SCRAM-SHA-256 is the method",
    "commit 4b825dc642cb6eb9a060e54bf8d69288fbee4904",
    "scp file user@host:/path",
    "postgresql://app@db/arp",
    "rsync://host::module",
    'could not translate host name "db.example.com" to address: Name or service not known',
    'invalid input syntax for type integer: "abc"',
    'missing "=" in line 3',
    'extra key/value separator "=" in URI query parameter: "password"',
]


def cut(stream: bytes, cuts: list[int]) -> bytes:
    redactor = Redactor({})
    edges = [0, *sorted(min(c, len(stream)) for c in cuts), len(stream)]
    return b"".join(redactor.feed(stream[a:b]) for a, b in itertools.pairwise(edges)) + redactor.flush()


@pytest.mark.parametrize("text", SHAPED)
def test_shapes_however_the_stream_is_cut(text: str) -> None:
    before, _, after = SHAPED[text]
    wanted = f"{before}[secret-shaped]{after}"
    assert mask(text, {}) == wanted
    stream = text.encode()
    for at in range(len(stream) + 1):
        assert cut(stream, [at]).decode() == wanted, f"cut at {at}"
    assert cut(stream, list(range(len(stream)))).decode() == wanted


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_text_stays_however_the_stream_is_cut(text: str) -> None:
    assert mask(text, {}) == text
    assert cut(text.encode(), list(range(len(text)))).decode() == text


@pytest.mark.parametrize("text", SHAPED)
def test_masked_text_masked_again_stays_the_same(text: str) -> None:
    once = mask(text, {})
    assert mask(once, {}) == once
    assert cut(once.encode(), list(range(len(once)))).decode() == once


def test_known_name_goes_before_a_shape() -> None:
    assert mask("PGPASSWORD=hunter2 x", {"ARP": "hunter2"}) == "PGPASSWORD=[secret ARP] x"
    assert mask("PGPASSWORD=[secret ARP] x", {}) == "PGPASSWORD=[secret ARP] x"


def test_long_value_is_masked_to_its_end_over_many_pieces() -> None:
    value = b"v" * 5000
    redactor = Redactor({})
    out = redactor.feed(b"PASSWORD=")
    for at in range(0, len(value), 64):
        out += redactor.feed(value[at : at + 64])
    out += redactor.feed(b" end\n") + redactor.flush()
    assert out == b"PASSWORD=[secret-shaped] end\n"


def test_port_is_shown_at_once_when_nothing_follows() -> None:
    redactor = Redactor({})
    assert redactor.feed(b"open http://localhost:8080") + redactor.idle() == b"open http://localhost:8080"


@settings(max_examples=examples(200))
@given(text=st.text(max_size=200), cuts=st.lists(st.integers(0, 400), max_size=10))
def test_masking_does_not_depend_on_the_cuts(text: str, cuts: list[int]) -> None:
    stream = text.encode("utf-8", "surrogatepass")
    assert cut(stream, cuts) == cut(stream, [])


@pytest.mark.slow
@pytest.mark.parametrize(
    "bait",
    [
        b"://u:",
        b"://u:a@",
        b"password='",
        b"PASSWORD '",
        b"''",
        b"bearer a",
        b"eyJaaaaaaaa.",
        b"-----BEGIN ",
        b"secret_",
        b"\x1b[",
        b"\x1b]0;",
        b"x\x08",
        b"akia",
        b"[secret",
        b"\\",
        b"<<<",
        b"encrypt_string -n ",
        b"openssl passwd -m ",
        b"kv put passpass",
        b"http-basic.http",
        b"login=login",
    ],
)
def test_pattern_matching_on_any_bait_takes_linear_time(bait: bytes) -> None:
    def work(size: int) -> float:
        data = (bait * size)[:size]
        best = 9.0
        for _ in range(3):
            redactor = Redactor({"pw": "hunter2hunter"})
            began = time.process_time()
            redactor.feed(data)
            redactor.flush()
            best = min(best, time.process_time() - began)
        return best

    small, large = work(4096), work(32768)
    assert large < 8 * 6 * max(small, 0.0005), f"8 times the bytes took {large / small:.0f} times as long"


def test_ordinary_lines_need_few_of_the_patterns() -> None:
    program = """
import re
compiled, compile = [], re.compile
re.compile = lambda *pattern: compiled.append(pattern) or compile(*pattern)
from midwatch.redaction import Redactor
redactor = Redactor({})
lines = "2026-11-23 02:14:07 UTC LOG:  checkpoint complete: wrote 12 buffers\\nGET http://localhost:80/ 200 \\u2013\\n"
assert redactor.feed(lines.encode()).decode() == lines
print(len(compiled))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, timeout=60)
    assert int(done.stdout) < 30, "of some 400: compiling them takes longer than most streams"
