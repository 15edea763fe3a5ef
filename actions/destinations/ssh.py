"""Destination: a folder on another host, through the OpenSSH client and a POSIX shell on that host.

`cat > x.part && mv x.part x` publishes half a backup when the connection drops: `cat` sees an orderly end. So the name
is given by a second command, which only comes once size and SHA-256 as computed there are those of what was sent.
"""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from actions.destinations.destination import Room
from actions.destinations.folder import CRITICAL
from actions.destinations.ssh_command import Host
from midwatch.system.errors import Failed, MidwatchError, OutcomeUnknown
from midwatch.system.units import percent, size
from probes.backup.backup_catalog import PARTIAL

STALL = 180.0
"""Seconds in which the other end takes nothing, after which it counts as stalled."""
_DIGEST = (
    "digest() { if command -v sha256sum >/dev/null; then sha256sum; elif command -v shasum >/dev/null; then "
    "shasum -a 256;"
    " else openssl dgst -sha256 -r; fi; }\n"
)
_ROOM = """
d=$1
while [ ! -d "$d" ]; do d=$(dirname -- "$d"); done
[ -w "$d" ] || { echo "$d cannot be written" >&2; exit 1; }
command -v sha256sum >/dev/null || command -v shasum >/dev/null || command -v openssl >/dev/null ||
    { echo "no program there computes SHA-256" >&2; exit 1; }
df -Pk -- "$d" | tail -n 1
"""
_RECEIVE = (
    _DIGEST
    + """
set -e
umask 077
mkdir -p -- "$1"
cd -- "$1"
set -C
: > "$2"
set +C
trap 'rm -f -- "$2"' EXIT
cat >> "$2"
sync "$2" 2>/dev/null || sync
printf '%s %s\\n' "$(wc -c < "$2")" "$(digest < "$2")"
trap - EXIT
"""
)
"""Whoever is gone cannot be told: then the last line cannot be written, and what came is removed."""
_PUBLISH = """
set -e
cd -- "$1"
[ "$(wc -c < "$2")" -eq "$4" ] || { echo "$2 has another size by now" >&2; exit 1; }
ln -- "$2" "$3"
rm -f -- "$2"
sync . 2>/dev/null || sync
"""
_REMOVE = 'cd -- "$1" && rm -f -- "$2"'


@dataclass(frozen=True, slots=True)
class Ssh:
    """A folder on another host."""

    host: Host
    folder: str
    has_local_manifest: bool = False

    def __str__(self) -> str:
        return f"ssh://{self.host}{self.folder if self.folder.startswith('/') else f'/~/{self.folder}'}".rstrip("/")

    def location(self, name: str) -> str:
        """Return the address of a file in the remote folder."""
        return f"{self}/{name}"

    def identity(self) -> str:
        """Return the destination with the key of its host."""
        return f"{self}, host key {self.host.key()}"

    def room(self, expected: int) -> Room:
        """Compare the free space of the remote folder with the expected size in bytes."""
        fields = self.host.run(_ROOM, self.folder).split()
        try:
            used, free = int(fields[2]) * 1024, int(fields[3]) * 1024
        except (IndexError, ValueError):
            return Room("not known: df there speaks another language")
        whole = used + free or 1
        before, after = 100 * used / whole, 100 * (used + expected) / whole
        words = f"{size(free)} free on the disk of {self}: {percent(before)} → {percent(after)}"
        if after > CRITICAL or expected > free:
            return Room(words, f"{self} would be {percent(after)} full with about {size(expected)} more")
        return Room(words)

    def open(self, name: str) -> SshWriter:
        """Return a writer for a new remote file."""
        return SshWriter(self, name)

    @contextlib.contextmanager
    def read(self, name: str) -> Iterator[IO[bytes]]:
        """Open a remote file for reading."""
        process = self.host.start('cd -- "$1" && cat -- "$2"', self.folder, name, stdin=None)
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            yield process.stdout
            if process.stdout.read(1):  # whoever reads gave up half-way, and knows why
                return
            err = process.stderr.read()
            if code := process.wait():
                raise self.host.explained(code, err)
        finally:
            _end(process)

    def size(self, name: str) -> int | None:
        """Return the size of a remote file in bytes; None when it does not exist."""
        said = self.host.run(
            'cd -- "$1" && if [ -e "$2" ]; then wc -c < "$2"; else echo none; fi', self.folder, name
        ).strip()
        return int(said) if said.isdigit() else None

    def digest(self, name: str) -> str:
        """SHA-256 (hex) of a published file, computed there. Raises `MidwatchError`."""
        return self.host.run(f'{_DIGEST}cd -- "$1" && digest < "$2"', self.folder, name).split()[0]


class SshWriter:
    """A file on its way through one connection, under a partial name and mode 0600."""

    def __init__(self, place: Ssh, name: str) -> None:
        self._place, self._name, self._partial = place, name, f".{name}{PARTIAL}"
        self._count, self._there = 0, True
        self._process = place.host.start(_RECEIVE, place.folder, self._partial)
        assert self._process.stdin is not None
        self._descriptor = self._process.stdin.fileno()
        os.set_blocking(self._descriptor, False)

    def write(self, data: bytes) -> None:
        """Send the data to the remote file."""
        view = memoryview(data)
        while view:
            if not select.select((), (self._descriptor,), (), STALL)[1]:
                sentence = (
                    f"{self._place.host} is stalled: it took nothing for {STALL:.0f} s, after {size(self._count)}"
                )
                raise Failed(sentence, hint="Choose another destination for the backup")
            try:
                written = os.write(self._descriptor, view[: 1 << 16])
            except BlockingIOError:
                continue
            except OSError as error:
                raise self._broken() from error
            self._count += written
            view = view[written:]

    def commit(self, size: int, sha256: str) -> None:
        """Compare size and SHA-256 with the remote file, and give it its final name."""
        process = self._process
        try:
            out, err = process.communicate(timeout=STALL)  # which first tells the other end that this is all
        except subprocess.TimeoutExpired:
            raise Failed(
                f"{self._place.host} does not confirm what it got", hint="Choose another destination"
            ) from None
        if process.returncode:
            raise self._dropped(process.returncode, err)
        told = out.split()
        if len(told) < 2 or told[0] != str(size).encode() or told[1].decode("ascii", "replace") != sha256:
            raise Failed(
                f"What lies on {self._place.host} is not what was sent: its size or SHA-256 differs",
                hint="Nothing was published; look at the disk there",
            )
        self._place.host.run(_PUBLISH, self._place.folder, self._partial, self._name, str(size))
        self._there = False

    def abort(self) -> None:
        """End the connection and remove the unfinished file."""
        _end(self._process)
        if self._there:
            self._there = False
            with contextlib.suppress(MidwatchError):  # then its own end of the connection removes it
                self._place.host.run(_REMOVE, self._place.folder, self._partial)

    def _broken(self) -> MidwatchError:
        """Why the other end took no more."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        try:
            code, err = self._process.wait(10.0), self._process.stderr.read() if self._process.stderr else b""
        except subprocess.TimeoutExpired:
            code, err = 255, b""
        return self._dropped(code, err)

    def _dropped(self, code: int, err: bytes) -> MidwatchError:
        found = self._place.host.explained(code, err)
        after = f", after {size(self._count)}"
        if isinstance(found, OutcomeUnknown) and self._count:
            sentence = f"The connection to {self._place.host} broke{after}"
            return Failed(sentence, hint="Nothing was published; choose another destination, or run it again")
        return Failed(found.sentence + after, hint=found.hint) if self._count else found


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        started = time.monotonic()
        while process.poll() is None and time.monotonic() - started < 5.0:
            time.sleep(0.02)
        process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()
