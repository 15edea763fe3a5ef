"""Where a step's control group would be made, by what the kernel says of mounts and groups."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from midwatch.supervisor.control_group import ControlGroup

V2 = "41 31 0:38 {top} {at} rw,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate"
V1 = "30 29 0:26 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids"


@pytest.mark.parametrize(
    ("group", "mount", "made_in"),
    [
        ("0::/user.slice/a", V2.format(top="/", at="/sys/fs/cgroup"), "sys/fs/cgroup/user.slice/a"),
        ("8:pids:/x\n0::/", V2.format(top="/", at="/sys/fs/cgroup/unified"), "sys/fs/cgroup/unified"),
        ("0::/docker/abc/in", V2.format(top="/docker/abc", at="/sys/fs/cgroup"), "sys/fs/cgroup/in"),
        ("0::/../other", V2.format(top="/", at="/sys/fs/cgroup"), ""),
        ("0::/elsewhere", V2.format(top="/docker/abc", at="/sys/fs/cgroup"), ""),
        ("8:pids:/x", V1, ""),
        ("", "", ""),
    ],
)
def test_control_group_is_made_below_our_own(tmp_path: Path, group: str, mount: str, made_in: str) -> None:
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text(group)
    (tmp_path / "proc/self/mountinfo").write_text(mount)
    (tmp_path / made_in).mkdir(parents=True, exist_ok=True)
    tried: list[Path] = []
    os_mkdir = Path.mkdir

    def mkdir(path: Path, *args: object) -> None:
        tried.append(path)
        os_mkdir(path)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Path, "mkdir", mkdir)
        assert ControlGroup.make(os.getpid(), tmp_path) is None, "a plain folder is no control group"
    assert [path.parent for path in tried] == ([tmp_path / made_in] if made_in else [])
