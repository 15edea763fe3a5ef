"""The image that the drill's containers start from: PostgreSQL out of Debian's packages, made here, without a registry.

Made once (about a minute: `debootstrap`, then `docker import`) and kept as a file in the user's cache, so that an
engine that was emptied gets it again in seconds.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from midwatch.system.errors import BadInput, Failed
from midwatch.system.file_locks import locked_file
from midwatch.system.trust import Trust
from midwatch.system.trusted_files import make_folders
from probes.containers.client import engine

ENTRY = Path(__file__).with_name("container-entry.sh")
REPOSITORY = "midwatch-postgres"
LABEL = "midwatch.image"
"""Label of every such image; its value is the recipe's digest."""
DATA = "/var/lib/postgresql/data"
MAKE_LIMIT = 600.0
"""Seconds that the making may take: it fetches about 60 MB of packages."""
IMPORT_LIMIT = 120.0
_NOT_NEEDED = (
    "usr/share/doc",
    "usr/share/man",
    "usr/share/locale",
    "usr/share/info",
    "var/cache/apt",
    "var/lib/apt/lists",
)
_JIT = (
    "usr/lib/*/libLLVM*",
    "usr/lib/*/libz3*",
    "usr/lib/postgresql/*/lib/llvmjit*",
    "usr/lib/postgresql/*/lib/bitcode",
)
"""The just-in-time compiler: half of the image, and PostgreSQL does without."""


def ensure(say: Callable[[str], None] = lambda text: None) -> str:
    """The image's name, once the engine has it: there already, loaded from the cache, or made now.

    Raises `Failed` (`NoEngine` without an engine), and `BadInput` where it can neither be found nor be made.
    """
    with _one_at_a_time():
        if at_hand():
            return name()
        kept = cache_folder() / f"{REPOSITORY}-{recipe()}.tar"
        if not kept.exists():
            say("Making the image for the containers out of Debian's packages: about a minute, once")
            _make(kept)
        _load(kept)
        return name()


def at_hand() -> bool:
    """Whether the engine has the image. Raises `Failed` when it cannot be asked."""
    with engine() as client:
        return bool(client.images.list(filters={"label": f"{LABEL}={recipe()}", "reference": name()}))


def can_be_had() -> bool:
    """Whether `ensure` would come to it without help: it is at hand, in the cache, or can be made here."""
    return at_hand() or (cache_folder() / f"{REPOSITORY}-{recipe()}.tar").exists() or not _obstacle()


def name() -> str:
    """What the image is called."""
    return f"{REPOSITORY}:{recipe()}"


def recipe() -> str:
    """Changes when the image has to be made anew."""
    said = "\n".join([ENTRY.read_text(), *_NOT_NEEDED, *_JIT, _suite()])
    return hashlib.sha256(said.encode()).hexdigest()[:12]


def _obstacle() -> str:
    """Why it cannot be made here; empty when it can."""
    if os.geteuid() != 0:
        return "making it needs root"
    missing = [program for program in ("debootstrap", "apt-get", "apt-cache") if shutil.which(program) is None]
    return f"making it needs {' and '.join(missing)}" if missing else ""


def _make(kept: Path) -> None:
    if reason := _obstacle():
        raise BadInput(
            f"The image for the containers is not at hand, and {reason}",
            hint="As root on Debian: apt-get install debootstrap; or midwatch drill --no-docker",
        )
    with tempfile.TemporaryDirectory(prefix="image-", dir=kept.parent) as scratch:
        root, partial = Path(scratch, "root"), Path(scratch, "image.tar")
        package = f"postgresql-{_major()}"
        _run("debootstrap", "--variant=minbase", f"--include={package}", _suite(), str(root), _mirror())
        _trim(root)
        programs = next(root.glob("usr/lib/postgresql/*/bin"))
        for program in programs.iterdir():
            link = root / "usr/local/bin" / program.name
            link.symlink_to(f"/{program.relative_to(root)}")
        shutil.copy(ENTRY, root / "entry")
        _run("tar", "--numeric-owner", "-C", str(root), "-cf", str(partial), ".")
        partial.replace(kept)


def _trim(root: Path) -> None:
    for path in _NOT_NEEDED:
        shutil.rmtree(root / path, ignore_errors=True)
    for pattern in _JIT:
        for found in root.glob(pattern):
            shutil.rmtree(found) if found.is_dir() and not found.is_symlink() else found.unlink()
    shutil.rmtree(root / "var/lib/postgresql", ignore_errors=True)  # the cluster that the package made for itself


def _load(kept: Path) -> None:
    changes = ['ENTRYPOINT ["/entry"]', f"ENV PGDATA={DATA}", "ENV LANG=C.UTF-8", f"LABEL {LABEL}={recipe()}"]
    with engine(IMPORT_LIMIT) as client:
        client.api.import_image_from_file(str(kept), repository=REPOSITORY, tag=recipe(), changes=changes)


def _suite() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/etc/os-release").read_text().splitlines():
            if line.startswith("VERSION_CODENAME="):
                return line.partition("=")[2].strip('"')
    return "stable"


def _major() -> str:
    """The version of PostgreSQL that this Debian carries."""
    for word in _run("apt-cache", "show", "postgresql").replace(",", " ").split():
        if word.startswith("postgresql-") and word[11:].isdigit():
            return word[11:]
    raise Failed("This Debian's package lists know no PostgreSQL", hint="apt-get update")


def _mirror() -> str:
    """Where this machine itself gets its packages from."""
    said = _run("apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE)", "Created-By: Packages")
    for line in said.splitlines():
        address, _, suite = line.partition(" ")
        if suite == _suite():
            return address
    raise Failed(f"This machine's package sources have no suite {_suite()}", hint="Look at /etc/apt/sources.list")


def _run(*argv: str) -> str:
    try:
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=MAKE_LIMIT, check=False
        )
    except subprocess.TimeoutExpired:
        raise Failed(
            f"{argv[0]} did not end within {MAKE_LIMIT:.0f} s", hint="Can the package mirror be reached?"
        ) from None
    if done.returncode != 0:
        words = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        raise Failed(f"{argv[0]} ended with {done.returncode}: {words[-1] if words else 'it said nothing'}")
    return done.stdout


def cache_folder() -> Path:
    """Where built images are kept."""
    import platformdirs

    return platformdirs.user_cache_path("midwatch")


@contextlib.contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Hold the lock of the cache. Raises `UntrustedFile` when another user could have put an image there."""
    make_folders(cache_folder(), mode=0o700, trust=Trust.own())
    with locked_file(cache_folder() / "image.lock", Trust.own()):
        yield
