"""What real programs make of a secret on its way to the output, and none of it comes through."""

from __future__ import annotations

from pathlib import Path

from midwatch.incident.events import StepOutcome
from tests.supervisor.supervised import Step

SECRET = "côrrect-h&rse'b\"ttery<st>\\$ple"
WAYS = {
    "traced": 'set -x; : "$pw"; { set +x; } 2>&-',
    "traced, C locale": "LC_ALL=C bash -c 'set -x; : \"$pw\"'",
    "printf %q": 'printf "%q\\n" "$pw"',
    "printf %q, C locale": 'LC_ALL=C bash -c \'printf "%q\\n" "$pw"\'',
    "declare": "declare -p pw",
    "ls": 'touch "$pw"; ls --color=always --quoting-style=shell-escape',
    "ls, C locale": "LC_ALL=C ls --quoting-style=shell-escape",
    "ls, as C": "LC_ALL=C ls --quoting-style=c",
    "ls, escaped": "LC_ALL=C ls --quoting-style=escape; ls --quoting-style=escape; rm -- *",
    "grep": 'printf "%s\\n" "$pw" | grep --color=always "rse"',
    "base64": 'printf "u:%s" "$pw" | base64; printf "u%s" "$pw" | base64 -w 10',
    "base64url": 'printf "u:%s!" "$pw" | basenc --base64url',
    "hex": 'printf %s "$pw" | basenc --base16; printf %s "$pw" | od -An -v -tx1 -w200',
    "python": 'python3 -c \'import html, json, os; pw = os.environ["pw"]; print([pw], html.escape(pw), '
    "json.dumps(pw))'",
    "python, environment": "python3 -c 'import os; print(os.environb[b\"pw\"])'",
    "folded": 'printf "%s" "$pw" | fold -w 7',
    "typed": 'printf "%s" "${pw:0:5}x"; printf "\\b \\b%s\\n" "${pw:5}"',
    "slowly": 'for ((at = 0; at < ${#pw}; at++)); do printf %s "${pw:at:1}"; done; echo',
}


def test_disguised_secret_of_any_program_is_masked(step: Step, tmp_path: Path) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    script = "".join(f"echo '== {name}'\n{way}\n" for name, way in WAYS.items())
    step.start(script, secrets={"ARP": SECRET}, cwd=str(folder), env={"pw": SECRET, "LC_ALL": "C.UTF-8"})
    assert step.result().outcome is StepOutcome.DONE, step.output
    parts = step.output.replace(b"\x1b[01;31m\x1b[K", b"").split(b"== ")[1:]
    assert [part.split(b"\n")[0].decode().strip() for part in parts] == list(WAYS)
    for part in parts:
        assert b"[secret ARP]" in part, part
        for piece in (b"h&rse", b"rrect-h", b"ttery", b"$ple", b"dHRlcn", b"74746572", b"74 74 65"):
            assert piece not in part, part
