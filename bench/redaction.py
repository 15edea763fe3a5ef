"""How fast the redactor is beside a plain copy and `sed`, and whether hostile input slows it: `bench/redaction.py
[MB]`.

Every figure is measured here and now; the best of three.
"""

from __future__ import annotations

import base64
import json
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from urllib.parse import quote

from midwatch.redaction import Redactor

CHUNK = 64 * 1024
LINES = (
    b"2026-11-23 02:14:07 UTC [1234] LOG:  checkpoint complete: wrote 12345 buffers (1.2%); write=26.9 s, "
    b"sync=0.003 s\n",
    b'pg_dump: dumping contents of table "public.transactions"\n',
    b"[ERROR] Disk usage at 96% \xe2\x80\x93 unsafe for backup\n",
    b"GET /healthz HTTP/1.1 200 17 0.002 http://localhost:8080/healthz curl/7.88.1\n",
)
BAITS = (b"://u:", b"password='", b"PASSWORD '", b"eyJaaaaaaaa.", b"\x1b[", b"x\x08", b"akia", b"hunter2hunte")


def best(work: Callable[[], object]) -> float:
    times = []
    for _ in range(3):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return min(times)


def secrets(count: int) -> dict[str, str]:
    chosen = random.Random(7)
    return {f"s{n}": "".join(chosen.choices("abcdefghABCDEFGH0123456789/+'$", k=20)) for n in range(count)}


def copy(data: bytes) -> None:
    out = bytearray()
    for at in range(0, len(data), CHUNK):
        out += data[at : at + CHUNK]


def redact(data: bytes, known: dict[str, str], chunk: int = CHUNK) -> None:
    redactor = Redactor(known)
    for at in range(0, len(data), chunk):
        redactor.feed(data[at : at + chunk])
    redactor.flush()


def forms(value: str) -> set[bytes]:
    raw = value.encode()
    return {raw, base64.b64encode(raw), raw.hex().encode(), quote(value).encode(), json.dumps(value).encode()}


def alternation(data: bytes, known: dict[str, str]) -> None:
    """The peer in Python: one expression of all forms. It misses what is cut by a chunk's border."""
    pattern = re.compile(b"|".join(re.escape(form) for value in known.values() for form in forms(value)))
    for at in range(0, len(data), CHUNK):
        pattern.sub(b"[secret]", data[at : at + CHUNK])


def sed(path: str, known: dict[str, str]) -> None:
    """The peer in C: one `s` command for each raw secret; no encodings, no shapes."""
    script = "\n".join(f"s|{re.escape(value)}|[secret]|g" for value in known.values())
    subprocess.run(["sed", script, path], stdout=subprocess.DEVNULL, check=True, timeout=600)


def main() -> None:
    size = int(sys.argv[1]) if len(sys.argv) > 1 else 16
    chosen = random.Random(1)
    data = b"".join(chosen.choices(LINES, k=size * 1024 * 1024 // 85))
    print(f"{len(data) / 1e6:.0f} MB of log lines, nothing to mask, {CHUNK // 1024} KiB a chunk; MB/s")
    print(f"{'plain copy':40}{len(data) / 1e6 / best(lambda: copy(data)):9.0f}")
    for count in (0, 10, 50, 200):
        rate = len(data) / 1e6 / best(partial(redact, data, secrets(count)))
        small_chunks = len(data) / 1e6 / best(partial(redact, data, secrets(count), 4096))
        print(f"{f'redactor, {count} secrets, shapes; 4 KiB a chunk':48}{rate:9.0f}{small_chunks:9.0f}")
    small = data[: 1024 * 1024]
    print(
        f"{'re alternation, 10 secrets, no shapes':40}"
        f"{len(small) / 1e6 / best(lambda: alternation(small, secrets(10))):9.0f}"
    )
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        print(
            f"{'sed, 10 secrets, raw form only':40}{len(data) / 1e6 / best(lambda: sed(file.name, secrets(10))):9.0f}"
        )
    print("\nhostile input: seconds for 64 KiB and for 512 KiB in one piece, and the ratio (8 is linear)")
    for bait in BAITS:
        few, many = (best(partial(redact, (bait * n)[:n], {"pw": "hunter2hunter"}, n)) for n in (65536, 524288))
        print(f"{bait!r:24}{few:9.4f}{many:9.4f}{many / few:8.1f}")


if __name__ == "__main__":
    main()
