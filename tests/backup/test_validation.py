"""Every kind of damage to a real dump is found, and rows are counted however the stream is cut."""

from __future__ import annotations

import gzip
import hashlib
import itertools
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actions.restoring.backup_validation import RowCounter, validate
from drill.production import Production
from midwatch.runbook.loader import load
from midwatch.system.errors import BadInput
from probes.backup.dump_reader import read_through
from probes.postgres.tools import find_tools
from tests.support.examples import examples

pytestmark = pytest.mark.postgres


@pytest.fixture(scope="module")
def good(production: Production) -> bytes:
    folder = sorted(path for path in (production.folder / "backups" / "prod").iterdir() if path.name[:2] == "20")[-1]
    return (folder / "arp.dump.gz").read_bytes()


@pytest.fixture(scope="module")
def pg_restore(production: Production) -> Path:
    return find_tools(load(production.runbook, site=production.site)).pg_restore


def judged(tmp_path: Path, data: bytes, pg_restore: Path, **told: str) -> tuple[int, str]:
    file = tmp_path / "x.gz"
    file.write_bytes(data)
    verdict = validate(file, pg_restore, **told)  # type: ignore[arg-type]
    return verdict.depth, verdict.problem


def test_good_one_is_read_to_the_end(tmp_path: Path, good: bytes, pg_restore: Path) -> None:
    assert judged(tmp_path, good, pg_restore, sha256=hashlib.sha256(good).hexdigest()) == (3, "")


def plain_sql(good: bytes, pg_restore: Path) -> bytes:
    return gzip.compress(
        subprocess.run([pg_restore, "-f", "-"], input=gzip.decompress(good), capture_output=True, check=True).stdout
    )


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda d, _: d[: len(d) // 2], id="cut at half"),
        pytest.param(lambda d, _: d[:-1024], id="last KB"),
        pytest.param(lambda d, _: d[:-8], id="last 8 bytes"),
        pytest.param(
            lambda d, _: gzip.compress(gzip.decompress(d)[:-200_000]), id="dump killed, compressor closed in order"
        ),
        pytest.param(lambda d, _: d + b"rubbish", id="trailing rubbish"),
        pytest.param(lambda d, _: b"", id="empty"),
        pytest.param(lambda d, _: b"not gzip at all", id="not gzip"),
        pytest.param(lambda d, _: gzip.compress(b""), id="20 bytes of nothing"),
        pytest.param(plain_sql, id="plain SQL"),
    ],
)
def test_archive_with_any_damage_is_found_damaged(tmp_path: Path, good: bytes, pg_restore: Path, damage) -> None:  # type: ignore[no-untyped-def]
    depth, problem = judged(tmp_path, damage(good, pg_restore), pg_restore)
    assert problem
    assert depth < 3


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 4]) + data[at + 1 :]


@pytest.mark.parametrize(
    ("damage", "passes_gunzip", "passes_list"),
    [
        pytest.param(lambda d: d[: len(d) // 2], False, True, id="cut at half"),
        pytest.param(lambda d: d[:-1024], False, True, id="last KB"),
        pytest.param(lambda d: d[:-8], False, True, id="last 8 bytes"),
        pytest.param(lambda d: flipped(d, len(d) // 2), False, True, id="one bit flipped"),
        pytest.param(
            lambda d: gzip.compress(gzip.decompress(d)[:-200_000]), True, True, id="dump killed, closed in order"
        ),
        pytest.param(lambda d: d + b"rubbish", False, True, id="trailing rubbish"),
    ],
)
def test_damage_that_gunzip_and_a_listing_pass_is_found(
    tmp_path: Path,
    good: bytes,
    pg_restore: Path,
    damage: Callable[[bytes], bytes],
    passes_gunzip: bool,
    passes_list: bool,
) -> None:
    """The checks that people use, beside ours, on the same damage."""
    file = tmp_path / "x.gz"
    file.write_bytes(damage(good))
    assert (subprocess.run(["gunzip", "-t", file], capture_output=True, check=False).returncode == 0) is passes_gunzip
    line = f"gunzip -c '{file}' 2>/dev/null | '{pg_restore}' --list"
    assert (subprocess.run(line, shell=True, capture_output=True, check=False).returncode == 0) is passes_list
    assert validate(file, pg_restore).problem
    assert not read_through(file, pg_restore, 60).ok


def test_bit_flipped_in_an_archive_without_gzip_is_found_by_its_checksum_alone(
    tmp_path: Path, good: bytes, pg_restore: Path
) -> None:
    """Digits of a row: read to the end without a fault, and every count is right."""
    plain = gzip.decompress(good)
    rows = validate(write(tmp_path / "good.gz", good), pg_restore).rows
    at = next(found.start(1) for found in re.finditer(rb"\t\d(\d)\d*\t", plain))
    broken = flipped(plain, at) if plain[at : at + 1] < b"8" else plain[:at] + b"7" + plain[at + 1 :]
    read = subprocess.run([pg_restore, "-f", "/dev/null"], input=broken, capture_output=True, check=False)
    assert read.returncode == 0
    again = gzip.compress(broken, 1)
    assert validate(write(tmp_path / "x.gz", again), pg_restore, rows=rows).depth == 4
    verdict = validate(tmp_path / "x.gz", pg_restore, rows=rows, sha256=hashlib.sha256(good).hexdigest())
    assert "SHA-256" in verdict.problem


def write(file: Path, data: bytes) -> Path:
    file.write_bytes(data)
    return file


@settings(max_examples=examples(25))
@given(data=st.data())
def test_archive_with_any_flipped_bit_is_found_damaged(
    tmp_path: Path, good: bytes, pg_restore: Path, data: st.DataObject
) -> None:
    at = data.draw(st.integers(10, len(good) - 1))  # the ten bytes before are the gzip header: flags and time
    broken = bytearray(good)
    broken[at] ^= 1 << data.draw(st.integers(0, 7))
    assert judged(tmp_path, bytes(broken), pg_restore, sha256=hashlib.sha256(good).hexdigest())[1]


def test_counts_that_differ_are_named(tmp_path: Path, good: bytes, pg_restore: Path) -> None:
    file = tmp_path / "x.gz"
    file.write_bytes(good)
    rows = validate(file, pg_restore).rows
    table = max(rows, key=lambda name: rows[name])
    assert validate(file, pg_restore, rows=rows).depth == 4
    verdict = validate(file, pg_restore, rows=rows | {table: rows[table] + 1})
    assert table in verdict.problem


def test_validation_of_a_missing_file_is_bad_input(tmp_path: Path, pg_restore: Path) -> None:
    with pytest.raises(BadInput):
        validate(tmp_path / "missing", pg_restore)


SCRIPT = b"""--
-- Data for Name: a; Type: TABLE DATA; Schema: public; Owner: x
--
COPY public.a (id, t) FROM stdin;
1\tx
2\t\\\\.
3\t-- Data for Name: a; Type: TABLE DATA;
\\.
CREATE FUNCTION f() AS $$
COPY public.no (id) FROM stdin;
9
$$;
-- Data for Name: b; Type: TABLE DATA; Schema: odd; Owner: x

COPY "odd "" one"."b (
2" (id) FROM stdin;
\\.
-- Data for Name: c; Type: TABLE DATA; Schema: public; Owner: x
COPY public.c (id) FROM stdin;
COPY public.a (id, t) FROM stdin;
\\.
"""


@given(st.lists(st.integers(0, len(SCRIPT)), max_size=40))
def test_rows_are_counted_however_the_stream_is_cut(cuts: list[int]) -> None:
    rows: dict[str, int] = {}
    counter = RowCounter(rows)
    borders = [0, *sorted(cuts), len(SCRIPT)]
    for start, end in itertools.pairwise(borders):
        counter.feed(SCRIPT[start:end])
    assert rows == {"public.a": 3, '"odd "" one"."b (\n2"': 0, "public.c": 1}
