"""What all tests share: nothing of the machine leaks in, files may run side by side, and what must run may not skip."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.dont_write_bytecode, sys.pycache_prefix = False, str(Path(sys.prefix) / "pycache")
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # each of a thousand processes would compile the program anew
os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix

from hypothesis import HealthCheck, settings  # noqa: E402  # compiled once as well, and not at each run

from tests.support.examples import examples  # noqa: E402
from tests.support.users import NO_LOGIN, log_in  # noqa: E402

_LENIENT = settings(
    max_examples=examples(100),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.register_profile("same", _LENIENT, derandomize=True)
settings.register_profile("explore", _LENIENT)
settings.load_profile("same")  # no test fails because the machine is busy, or because of what was drawn this time
_ENGINE = (
    "tests/acceptance/test_drill_command.py",
    "tests/acceptance/test_reference_incident.py",
    "tests/docker_host/",
    "tests/drill/test_containers.py",
)
_WAITING = ("docker", "postgres", "slow")
"""Markers of what waits more than it computes, the longest waits first."""
_MUST_RUN = frozenset(os.environ.get("MIDWATCH_TESTS_MUST_RUN", "").split(",")) - {""}


@pytest.fixture(scope="session", autouse=True)
def _own_drills() -> Iterator[None]:
    """Drills of these tests alone: another run beside this one is neither seen nor disturbed. Short, as sockets want
    it."""
    folder = Path(tempfile.mkdtemp(prefix="mwd-", dir="/tmp"))
    folder.chmod(0o711)  # the servers' user passes through
    os.environ["MIDWATCH_DRILLS"] = str(folder / "d")
    yield
    del os.environ["MIDWATCH_DRILLS"]
    shutil.rmtree(folder)


@pytest.fixture(scope="session", autouse=True)
def _no_fork_server_stays() -> Iterator[None]:
    yield
    if (module := sys.modules.get("midwatch.supervisor.fork_server")) is not None:
        module.FORK_SERVER.stop()


@pytest.fixture(scope="session", autouse=True)
def _own_login() -> None:
    """Whoever runs the tests has logged in, as at a terminal; CI and containers start without, and nobody is anybody
    there."""
    login = Path("/proc/self/loginuid")
    if login.exists() and int(login.read_text()) == NO_LOGIN:
        log_in(os.getuid())


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No runbook, site or incident of the person who runs the tests, and nothing in the log of this machine."""
    for name in list(os.environ):
        if (name.startswith("MIDWATCH_") and name not in ("MIDWATCH_TESTS_MUST_RUN", "MIDWATCH_DRILLS")) or name in (
            "PGPASSFILE",
            "PGPASSWORD",
            "PGHOST",
            "NO_COLOR",
        ):
            monkeypatch.delenv(name)
    monkeypatch.setenv("MIDWATCH_WITNESS", "off")
    _name_no_test()


@pytest.fixture(autouse=True)
def _users_where_they_are_needed(request: pytest.FixtureRequest) -> None:
    """A test that becomes other users skips for anybody but root; CI runs as root and refuses the skip."""
    if request.node.get_closest_marker("root") and os.geteuid() != 0:
        pytest.skip("only root can become another user")


@pytest.fixture
def reachable() -> Iterator[Path]:
    """An empty folder that every user of the machine can reach, unlike `tmp_path`; only this user can write to it."""
    folder = Path(tempfile.mkdtemp(prefix="mwr-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that is the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:
    """Side by side (`-n 2`) the tests of a file stay together, and those of the one Docker engine as well."""
    from xdist.scheduler import LoadScopeScheduling

    class Files(LoadScopeScheduling):  # xdist's own groups need an identity of a test that may be changed
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            return "docker" if file.startswith(_ENGINE) else file

    config.option.loadscopereorder = False  # by size; `pytest_collection_modifyitems` knows better what takes long
    return Files(config, log)


def pytest_itemcollected(item: pytest.Item) -> None:
    """What draws examples has the marker `property` and what asks for a production the marker `postgres`, without being
    asked to."""
    if getattr(getattr(item, "obj", None), "is_hypothesis_test", False):
        item.add_marker("property")
    if "production" in getattr(item, "fixturenames", ()):
        item.add_marker("postgres")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The one Docker engine's files come first, since one worker takes all of them. Files that wait are spread among
    those that compute, the longest waits first, so that the processors have something to do at each moment."""
    ranks: dict[str, int] = {}
    for item in items:
        file = item.nodeid.partition("::")[0]
        marked = [rank for rank, mark in enumerate(_WAITING) if item.get_closest_marker(mark)]
        ranks[file] = min([ranks.get(file, len(_WAITING)), *marked])
    engine = [file for file in ranks if file.startswith(_ENGINE)]
    waiting = [file for file in sorted(ranks, key=ranks.__getitem__) if ranks[file] < len(_WAITING)]
    computing = [file for file in ranks if ranks[file] == len(_WAITING)]
    places = {file: n / len(group) for group in (waiting, computing) for n, file in enumerate(group)}
    places |= dict.fromkeys(engine, -1.0)
    items.sort(key=lambda item: places[item.nodeid.partition("::")[0]])


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call() -> None:
    """pytest names the test anew before each call."""
    _name_no_test()


def _name_no_test() -> None:
    """The environment is the same in all tests: one fork server serves all tests of a process, since a changed
    environment is what it is started anew for."""
    os.environ["PYTEST_CURRENT_TEST"] = "one of them"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test whose marker must run here fails when it skips."""
    report = yield
    missing = sorted(mark for mark in _MUST_RUN if item.get_closest_marker(mark))
    if report.skipped and missing and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{', '.join(missing)} must run here, and this test skipped: {report.longrepr}"
    return report


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """A run in which no test passed, because each was skipped or deselected, is no success."""
    config = session.config
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if hasattr(config, "workerinput") or config.option.collectonly or reporter is None:
        return
    if session.exitstatus == pytest.ExitCode.OK and not reporter.stats.get("passed"):
        session.exitstatus = pytest.ExitCode.NO_TESTS_COLLECTED
