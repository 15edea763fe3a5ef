"""A logout that would end running steps: recognised, told, and got around with a real user manager of systemd."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from midwatch.supervisor.logind import System, logout_kills

SESSION = "0::/user.slice/user-1000.slice/session-3.scope"
SESSION_V1 = "4:memory:/user.slice\n1:name=systemd:/user.slice/user-1000.slice/session-3.scope\n0::/"
MANAGER = "0::/user.slice/user-1000.slice/user@1000.service/app.slice/run-7.scope"
YES = "[Login]\n#KillUserProcesses=no\nKillUserProcesses = yes\n"
LINGER = "A logout ends running steps here. Run: loginctl enable-linger ada"
NO_MANAGER = "A logout ends running steps here, and systemd-run --user does not work. Stay logged in"


@dataclass(frozen=True)
class Told(System):
    """A system whose files are a test's, and which answers what it was told."""

    answer: str = ""
    works: bool = True

    def logind(self) -> str:
        return self.answer

    def manager(self) -> tuple[str, ...]:
        return ("systemd-run",) if self.works else ()


@pytest.mark.parametrize(
    ("group", "files", "told", "warning"),
    [
        (SESSION, {"etc/systemd/logind.conf": YES}, {}, LINGER),
        (SESSION_V1, {"etc/systemd/logind.conf": YES}, {}, LINGER),
        (SESSION, {"usr/lib/systemd/logind.conf": YES}, {}, LINGER),
        (SESSION, {"etc/systemd/logind.conf": "", "usr/lib/systemd/logind.conf": YES}, {}, ""),
        (SESSION, {"etc/systemd/logind.conf": YES, "etc/systemd/logind.conf.d/9.conf": "KillUserProcesses=no"}, {}, ""),
        (SESSION, {"run/systemd/logind.conf.d/1.conf": YES, "etc/systemd/logind.conf.d/1.conf": "\n"}, {}, ""),
        (SESSION, {"etc/systemd/logind.conf": YES + "KillExcludeUsers=bob ada"}, {}, ""),
        (SESSION, {"etc/systemd/logind.conf": YES + "KillExcludeUsers=ada\nKillExcludeUsers="}, {}, LINGER),
        (SESSION, {"etc/systemd/logind.conf": "KillUserProcesses=no\nKillOnlyUsers=ada"}, {}, LINGER),
        (SESSION, {"etc/systemd/logind.conf": YES + "KillOnlyUsers=bob"}, {}, ""),
        (SESSION, {"etc/systemd/logind.conf": YES}, {"user": "root"}, ""),
        (SESSION, {"etc/systemd/logind.conf": b"\xff\0KillUserProcesses\n=\n"}, {}, ""),
        (SESSION, {}, {}, ""),
        (SESSION, {}, {"answer": "b true"}, LINGER),
        (SESSION, {}, {"answer": "b false"}, ""),
        (SESSION, {"etc/systemd/logind.conf": YES, "var/lib/systemd/linger/ada": ""}, {}, ""),
        (SESSION, {"etc/systemd/logind.conf": YES, "var/lib/systemd/linger/ada": ""}, {"works": False}, NO_MANAGER),
        (MANAGER, {}, {}, LINGER),
        (MANAGER, {"var/lib/systemd/linger/ada": ""}, {"works": False}, ""),
        ("0::/system.slice/cron.service", {"etc/systemd/logind.conf": YES}, {"answer": "b true"}, ""),
    ],
)
def test_logout_warning_follows_the_files_of_logind(
    tmp_path: Path, group: str, files: dict[str, str | bytes], told: dict[str, object], warning: str
) -> None:
    for name, content in {"proc/self/cgroup": group, **files}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    assert logout_kills(Told(**({"root": tmp_path, "user": "ada"} | told))) == warning  # type: ignore[arg-type]


def test_logout_warning_on_this_machine_is_answered() -> None:
    assert isinstance(logout_kills(), str)


LOGIN = r"""
set -e
mount --make-rprivate /
for folder in /etc/systemd /var/lib/systemd /run; do mount -t tmpfs none $folder; done
mkdir -p /etc/systemd /var/lib/systemd/linger /run/systemd/system /run/user/0
printf 'KillUserProcesses=yes\nKillExcludeUsers=nobody\n' > /etc/systemd/logind.conf
groups=$(findmnt -n -t cgroup2 -o TARGET | head -1)
[ -n "$groups" ] || { mkdir -p /run/groups; mount -t cgroup2 none /run/groups; groups=/run/groups; }
umount -l -a -t cgroup
[ "$groups" = /sys/fs/cgroup ] || { umount -l /sys/fs/cgroup || :; mount -t cgroup2 none /sys/fs/cgroup; }
top=/sys/fs/cgroup/midwatch-test-$$
mkdir -p $top/manager $top/session-7.scope
export XDG_RUNTIME_DIR=/run/user/0
sh -c "echo \$\$ > $top/manager/cgroup.procs; exec $SYSTEMD --user" > $WORK/systemd 2>&1 &
manager=$!
tidy() {
    kill $manager; wait $manager; echo 1 > $top/cgroup.kill
    until find $top -depth -type d -exec rmdir {} +; do sleep 0.05; done
}
trap tidy EXIT
for turn in $(seq 200); do [ -S $XDG_RUNTIME_DIR/systemd/private ] && break; sleep 0.05; done
cd $WORK
sh -c "echo \$\$ > $top/session-7.scope/cgroup.procs; exec $HEADLESS" > said 2>&1 &
for turn in $(seq 2400); do [ -e running ] && break; sleep 0.05; done
grep :: /proc/$(cat running)/cgroup > group
echo 1 > $top/session-7.scope/cgroup.kill   # the logout
touch go
for turn in $(seq 2400); do [ -e logs/incidents/*/steps/work/1/result.json ] && break; sleep 0.05; done
"""
RUNBOOK = """\
midwatch: 1
id: logout
title: Somebody logs out
severity: SEV-3
phases:
  - title: All
    steps:
      - id: work
        title: Work
        risk: observe
        run: echo $$ > running.new; mv running.new running; while [ ! -e go ]; do sleep 0.05; done; echo done
"""


@pytest.mark.skipif(os.getuid() != 0 or not shutil.which("systemd-run"), reason="needs root and systemd")
@pytest.mark.slow
@pytest.mark.parametrize("lingers", [False, True])
def test_step_outlives_a_login_whose_end_ends_everything(tmp_path: Path, lingers: bool) -> None:
    (tmp_path / "runbook.yaml").write_text(RUNBOOK, encoding="utf-8")
    (tmp_path / "answers.yaml").write_text("actor: ada@test\n", encoding="utf-8")
    script = LOGIN.replace("printf", "touch /var/lib/systemd/linger/root; printf", 1) if lingers else LOGIN
    midwatch = f"{Path(sys.executable).with_name('midwatch')} run runbook.yaml --headless --answers answers.yaml"
    here = {**os.environ, "WORK": str(tmp_path), "HEADLESS": midwatch, "SYSTEMD": "/lib/systemd/systemd"}
    subprocess.run(["unshare", "-m", "bash", "-c", script], env=here, check=True, timeout=120, capture_output=True)
    assert "/app.slice/run-" in (tmp_path / "group").read_text(), "it belongs to the user's manager"
    (output,) = tmp_path.glob("logs/incidents/*/steps/work/1/output")
    assert output.read_text() == "done\n"
    warned = "A logout ends running steps here. Run: loginctl enable-linger root" in (tmp_path / "said").read_text()
    assert warned is not lingers
