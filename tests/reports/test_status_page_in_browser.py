"""The status page in a real browser: nothing is cut off on a phone, a desk has two columns; light and dark."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from midwatch.engine.incident_controller import IncidentController
from midwatch.reports.status_page import Audience, PageSource, status_page
from midwatch.runbook.loader import load

ROOT = Path(__file__).parents[2]
PROBE = """\
<script>addEventListener("load", () => {
  const boxes = [...document.querySelectorAll("body *")].map(each => each.getBoundingClientRect());
  document.title = JSON.stringify({
    right: Math.max(...boxes.map(box => box.right)), width: document.documentElement.clientWidth,
    columns: new Set([...document.querySelectorAll("section")].map(each => each.getBoundingClientRect().left)).size,
    dark: getComputedStyle(document.body).backgroundColor });
});</script>"""


def seen(chromium: str, page: Path, *options: str) -> dict[str, object]:
    """What the browser measures on a page in which a script is let in."""
    command = [chromium, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={page.parent}/profile"]
    done = subprocess.run(
        [*command, *options, "--dump-dom", page.as_uri()], capture_output=True, text=True, timeout=120, check=True
    )
    match = re.search(r"<title>(\{.*\})</title>", done.stdout)
    assert match, done.stdout[:400]
    found: dict[str, object] = json.loads(match[1])
    return found


@pytest.mark.heavy
def test_page_fits_two_widths_and_follows_the_style_of_its_reader(tmp_path: Path) -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is not here")
    shutil.copy(ROOT / "runbook.yaml", tmp_path)
    runbook = load(tmp_path / "runbook.yaml", environment={})
    controller = IncidentController.declare(runbook, actor="ada@bastion")
    controller.update(f"One very long word: {'x' * 300}")
    session = controller.session
    source = PageSource(session.runbook, session.incident, session.events, {}, controller.next_update_due)
    content = status_page(source, Audience.INTERNAL)
    controller.leave()
    assert "<script" not in content
    content = re.sub("<meta http-equiv.*?>", "", content).replace("<head>", f"<head>{PROBE}", 1)
    wide, phone = tmp_path / "wide.html", tmp_path / "phone.html"
    wide.write_text(content)
    phone.write_text(content.replace("<head>", "<head><style>html { width: 360px }</style>", 1))
    at_desk = seen(chromium, wide, "--window-size=1280,900", "--blink-settings=preferredColorScheme=1")
    on_phone = seen(chromium, phone, "--window-size=500,900", "--blink-settings=preferredColorScheme=0")
    assert (at_desk["columns"], at_desk["dark"]) == (2, "rgb(246, 247, 249)")
    assert float(str(at_desk["right"])) <= float(str(at_desk["width"]))
    assert (on_phone["columns"], on_phone["dark"]) == (1, "rgb(20, 23, 27)")
    assert float(str(on_phone["right"])) <= 360
