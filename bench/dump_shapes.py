"""The emergency backup of other shapes of data: `python -m bench.dump_shapes`, or with `--quick` for small databases.

Four shapes, each in two sizes: short rows as in `bench.emergency_backup`, wide text that repeats itself, `jsonb`, and
random `bytea`. Peers over the same socket: `pg_dump > /dev/null` (the limit) and `pg_dump | gzip`. All three in turn,
`ROUNDS` times, the fastest of each counts. Needs root and a Docker engine.
"""

from __future__ import annotations

import secrets
import sys
import tempfile
from pathlib import Path

from bench.emergency_backup import Measured, Scene, backup, fastest, is_possible, measured, scene

SIZES_MB = (450, 1650)
QUICK_MB = (45, 165)
"""About, by `pg_database_size`."""
BASE_MB = 30
"""A first part is computed; the rest are copies of it, further apart than any compressor looks back."""
SHAPES = {
    "short rows": (
        120_000,
        """'customer ' || n % 9973 AS customer, md5(n::text) AS reference, (n * 7919 % 1000000) / 100.0 AS amount,
        timestamptz '2026-01-01' + n * interval '7 seconds' AS booked""",
    ),
    "wide text": (
        24_000,
        """repeat('The order was taken by clerk ' || n % 97 || ' and is to be delivered in parts. ', 12) AS body,
        'Delivered in ' || n % 31 || ' days' AS remark""",
    ),
    "jsonb": (
        40_000,
        """jsonb_build_object('order', n, 'customer', jsonb_build_object('name', 'customer ' || n % 9973, 'vat',
        md5(n::text)),
        'lines', (SELECT jsonb_agg(jsonb_build_object('article', n * k % 8191, 'count', k, 'price', n * k % 977 / 10.0,
            'note', 'deliver to gate ' || k)) FROM generate_series(1, 6) k)) AS document""",
    ),
    "bytea": (
        26_000,
        "(SELECT string_agg(sha256((n * 100 + k)::text::bytea), '') FROM generate_series(1, 32) k) AS picture",
    ),
}
"""Rows of about `BASE_MB`, and the columns of row `n`."""


def fill(there: Scene, shape: str, megabytes: int) -> float:
    """Make the database anew with one table of this shape. Its size in MB."""
    rows, columns = SHAPES[shape]
    there.sql(
        "DROP TABLE IF EXISTS orders, ledger, part, shape",
        f"CREATE UNLOGGED TABLE part AS SELECT n::bigint AS id, {columns} FROM generate_series(1, {rows}::bigint) n",
        "CREATE TABLE shape (LIKE part)",
    )
    part = float(there.sql("SELECT pg_table_size('part') / 1e6"))
    copies = max(round(megabytes / part), 1)
    names = there.sql(
        "SELECT string_agg(attname, ', ') FROM pg_attribute WHERE attrelid = 'part'::regclass AND attnum > 1"
    )
    copy = f"INSERT INTO shape SELECT id + {rows}::bigint * {{number}}, {names} FROM part"
    there.sql(*(copy.format(number=number) for number in range(copies)), "DROP TABLE part")
    there.sql("VACUUM ANALYZE shape", "CHECKPOINT")
    return float(there.sql("SELECT pg_database_size(current_database()) / 1e6"))


def ways(there: Scene, password: str) -> dict[str, Measured]:
    """Each way in turn, the fastest of each."""
    out, plain = there.folder / "out.gz", " ".join(there.pg_dump())
    return fastest(
        {
            "limit": lambda: measured(f"{plain} > /dev/null"),
            "gzip": lambda: measured(f"{plain} | gzip > {out}", into=out),
            "midwatch": lambda: backup(there.runbook("socket", password)),
        }
    )


def main() -> None:
    if not is_possible():
        return
    sizes, password = QUICK_MB if "--quick" in sys.argv else SIZES_MB, secrets.token_urlsafe(16)
    found: dict[int, list[tuple[float, float, float]]] = {megabytes: [] for megabytes in sizes}
    with tempfile.TemporaryDirectory() as scratch, scene(Path(scratch), password) as there:
        for megabytes in sizes:
            for shape in SHAPES:
                size = fill(there, shape, megabytes)
                best = ways(there, password)
                ours, piped, limit = best["midwatch"], best["gzip"], best["limit"]
                ratios = piped.seconds / ours.seconds, ours.bytes / piped.bytes, ours.seconds / limit.seconds
                found[megabytes].append(ratios)
                print(
                    f"{shape:10} {size:5.0f} MB: midwatch {ours.seconds:6.2f} s ({ours.stream:.1f} s of it the dump),"
                    f" {ours.bytes / 1e6:4.0f} MB, {ours.memory} MiB; | gzip {piped.seconds:6.2f} s;"
                    f" > /dev/null {limit.seconds:5.2f} s; {ratios[0]:.2f} times the speed, {ratios[1]:.2f} of "
                    "the size,"
                    f" {ratios[2]:.2f} of the limit's time",
                    flush=True,
                )
    for megabytes, several in found.items():
        speed, size_, of_limit = (f"{min(some):.2f} to {max(some):.2f}" for some in zip(*several, strict=True))
        print(f"{megabytes} MB: {speed} times as fast as pg_dump | gzip; {size_} of its size; {of_limit} of the limit")


if __name__ == "__main__":
    main()
