"""The evidence bundle: verified by Midwatch and by standard tools, and hostile archives refused."""

from __future__ import annotations

import gzip
import io
import os
import re
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from midwatch.incident.paths import IncidentFolder
from midwatch.reports.bundle import write_bundle
from midwatch.reports.bundle_reader import unpack
from midwatch.reports.timeline import timeline
from midwatch.system.errors import Failed
from tests.reports import night
from tests.support.program import midwatch_text

LONG = "a" * 150


@pytest.fixture
def folder(tmp_path: Path) -> IncidentFolder:
    folder = night.journal(tmp_path, night.events())
    for name in (f"steps/{LONG}/1/output", "steps/clean/1/plan.json", "outbox/7.1.json"):
        (folder.path / name).parent.mkdir(parents=True, exist_ok=True)
        (folder.path / name).write_bytes(b"x" * 1000)
    (folder.path / "steps/clean/1/values").write_text("password=hunter2hunter2")
    return folder


def bundled(folder: IncidentFolder, **options: object) -> bytes:
    packed = io.BytesIO()
    documents = {"exports/timeline.md": timeline(night.runbook(), night.events(), folder)}
    write_bundle(folder, night.events(), documents, packed, **{"secrets": {}, "sign": None, **options})  # type: ignore[arg-type]
    return packed.getvalue()


def test_bundle_is_verified_by_the_shell_commands_that_it_holds(folder: IncidentFolder, tmp_path: Path) -> None:
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True, timeout=60)
    (tmp_path / "signers").write_text(f"ada@example.org {key.with_suffix('.pub').read_text()}")

    def sign(data: bytes) -> str:
        from midwatch.reports.signature import sign

        return sign(data, key)

    packed = bundled(folder, sign=sign)
    assert packed == bundled(folder, sign=sign)
    (tmp_path / "out").mkdir()
    subprocess.run(["tar", "-xzf", "-"], input=packed, check=True, cwd=tmp_path / "out", timeout=60)
    root = tmp_path / "out" / folder.id
    assert not (root / "steps/clean/1/values").exists()
    commands = "\n".join(re.findall(r"^  (.*)$", (root / "VERIFY.txt").read_text(), re.MULTILINE))
    script = "set -e\n" + commands.replace("ALLOWED_SIGNERS", "../../signers").replace("WHO", "ada@example.org")

    def verified() -> subprocess.CompletedProcess[str]:
        return subprocess.run(["sh", "-c", script], cwd=root, capture_output=True, text=True, timeout=60, check=False)

    done = verified()
    assert done.returncode == 0, done.stderr
    assert "Good" in done.stdout
    assert f"{len(night.events())} events, head " in done.stdout
    assert done.stdout.split()[0] == str(len((root / "SHA256SUMS").read_text().splitlines()))
    journal = (root / "journal.jsonl").read_bytes()
    (root / "journal.jsonl").write_bytes(journal.replace(b"permission denied", b"permission granted"))
    assert verified().returncode != 0
    sums = subprocess.check_output(["sha256sum", "journal.jsonl"], cwd=root, text=True, timeout=60)
    listed = (root / "SHA256SUMS").read_text()
    (root / "SHA256SUMS").write_text(re.sub(r"^.*  journal\.jsonl\n", sums, listed, flags=re.MULTILINE))
    assert "incorrect signature" in (verified().stderr + verified().stdout).lower()


def test_command_verifies_a_bundle_offline_and_says_what_was_changed(folder: IncidentFolder, tmp_path: Path) -> None:
    file = tmp_path / "bundle.tar.gz"
    file.write_bytes(bundled(folder))
    found = midwatch_text("verify", str(file), cwd=tmp_path)
    assert found.returncode == 1, found.stdout  # the outputs of this night are not those of its journal
    assert "each as SHA256SUMS lists it" in found.stdout
    assert "unknown: signature: the bundle is not signed" in found.stdout
    assert f"journal.jsonl: whole, {len(night.events())} events" in found.stdout
    assert "NOT so: steps/clean/1/plan.json: changed since it was confirmed" in found.stdout


def test_file_with_a_known_secret_is_withheld_and_a_journal_with_one_makes_no_bundle(
    folder: IncidentFolder, tmp_path: Path
) -> None:
    (folder.path / "steps/clean/1/plan.json").write_bytes(b"y" * (1 << 20) + b"hunter2hunter2")
    (tmp_path / "into").mkdir()
    unpacked = unpack(io.BytesIO(bundled(folder, secrets={"P": "hunter2hunter2"})), tmp_path / "into")
    assert (unpacked.folder / "WITHHELD.txt").read_text() == "steps/clean/1/plan.json\n"
    assert unpacked.difference() == ""
    assert f"steps/{LONG}/1/output" in unpacked.sums
    with pytest.raises(Failed, match="holds a known secret"):
        bundled(folder, secrets={"P": "permission denied"})


def archive(change: Callable[[tarfile.TarFile], None], folder: IncidentFolder) -> bytes:
    """A good bundle with more behind its last file."""
    plain = io.BytesIO(gzip.decompress(bundled(folder)))
    with tarfile.open(fileobj=plain, mode="a", format=tarfile.GNU_FORMAT) as tar:
        change(tar)
    return gzip.compress(plain.getvalue(), 1)


def entry(name: str, kind: bytes = tarfile.REGTYPE, target: str = "", content: bytes = b"") -> Callable[..., None]:
    def add(tar: tarfile.TarFile) -> None:
        info = tarfile.TarInfo(name)
        info.type, info.linkname, info.size = kind, target, len(content)
        tar.addfile(info, io.BytesIO(content))

    return add


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (entry(f"{night.ID}/link", tarfile.SYMTYPE, "/etc/passwd"), "not a plain file"),
        (entry(f"{night.ID}/link", tarfile.LNKTYPE, f"{night.ID}/journal.jsonl"), "not a plain file"),
        (entry(f"{night.ID}/pipe", tarfile.FIFOTYPE), "not a plain file"),
        (entry(f"{night.ID}/disk", tarfile.BLKTYPE), "not a plain file"),
        (entry(f"{night.ID}/folder", tarfile.DIRTYPE), "not a plain file"),
        (entry("/etc/cron.d/midwatch"), "not in the folder of its incident"),
        (entry("INC-20261123-0200-other/journal.jsonl"), "not in the folder of its incident"),
        (entry(f"{night.ID}/../../etc/passwd"), "not a name that a bundle may hold"),
        (entry(f"{night.ID}//etc/passwd"), "not a name that a bundle may hold"),
        (entry(f"{night.ID}/{'d/' * 200}x"), "not a name that a bundle may hold"),
        (entry(f"{night.ID}/a\x1b[2Jb"), "not a name that a bundle may hold"),
        (entry(f"{night.ID}/journal.jsonl"), "twice"),
        (entry(f"{night.ID}/journal.jsonl/x"), "cannot be unpacked"),
        (entry(f"{night.ID}/{'n' * 2000}"), "not a plain file"),
        (entry(f"{night.ID}/more.txt", content=b"more"), "SHA256SUMS does not list it"),
        (entry(f"{night.ID}/zeros", content=bytes(3 << 20)), "unpacks to more than"),
    ],
)
def test_hostile_bundle_is_refused_and_leaves_nothing_outside(
    change: Callable[..., None], said: str, folder: IncidentFolder, tmp_path: Path
) -> None:
    into = tmp_path / "into" / "private"
    into.mkdir(parents=True)
    outside = sorted(tmp_path.rglob("*"))
    with pytest.raises(Failed, match=said):
        raise Failed(unpack(io.BytesIO(archive(change, folder)), into, limit_bytes=2 << 20).difference())
    assert sorted(path for path in tmp_path.rglob("*") if not path.is_relative_to(into)) == [
        path for path in outside if path != into
    ]


def test_damaged_bundle_is_said_to_be_damaged(folder: IncidentFolder, tmp_path: Path) -> None:
    packed = bundled(folder)
    plain = gzip.decompress(packed)
    header = bytearray(plain)
    header[124:136] = b"\xff" * 12  # a negative size
    header[148:156] = b"%06o\0 " % (sum(header[:148]) + 8 * 32 + sum(header[156:512]))
    for number, content in enumerate(
        [packed[:-40], packed[:500] + os.urandom(200) + packed[700:], gzip.compress(plain[:3000]), b"\x1f\x8b", b"",
         gzip.compress(bytes(header)), gzip.compress(plain + b"more"), gzip.compress(bytes(1024))]
    ):  # fmt: skip
        into = tmp_path / f"{number}"
        into.mkdir()
        with pytest.raises(Failed, match=r"damaged|behind the end|empty|plain file|changed"):
            raise Failed(unpack(io.BytesIO(content), into).difference())
