"""PDF of an exported page, printed by a Chromium without a window where one is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from midwatch.system.errors import Failed

_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_LIMIT_S = 300.0


def pdf_of(page: str) -> bytes:
    """The page as PDF. Raises `Failed`."""
    browser = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if browser is None:
        raise Failed(
            "No Chromium is installed, which prints the PDF",
            hint="Install chromium, or export --format html and print the page from a browser",
        )
    with tempfile.TemporaryDirectory(prefix="midwatch-pdf-") as name:
        folder = Path(name)
        source, target = folder / "page.html", folder / "page.pdf"
        source.write_text(page, encoding="utf-8")
        # Chromium refuses its sandbox to root; the page has no script and loads nothing
        sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
        command = [browser, "--headless=new", *sandbox, "--disable-gpu", "--disable-dev-shm-usage"]
        command += [f"--user-data-dir={folder / 'profile'}", "--no-first-run", "--no-pdf-header-footer"]
        command += [f"--print-to-pdf={target}", source.as_uri()]
        try:
            done = subprocess.run(command, capture_output=True, timeout=_LIMIT_S, check=False, cwd=folder)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Failed(f"{browser} did not print the PDF: {_reason(error)}", hint="Export --format html") from error
        if not target.is_file() or not target.stat().st_size:
            last = done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
            raise Failed(
                f"{browser} did not print the PDF: {last or f'exit {done.returncode}'}", hint="Export --format html"
            )
        return target.read_bytes()


def _reason(error: OSError | subprocess.TimeoutExpired) -> str:
    return f"no end within {_LIMIT_S:g} s" if isinstance(error, subprocess.TimeoutExpired) else str(error.strerror)
