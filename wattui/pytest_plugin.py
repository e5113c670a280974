"""The pytest plugin: the fixture `joules`, and its options (docs/pytest.md).

pytest imports this module at every start: the rest is imported when a test uses the fixture.
"""

from __future__ import annotations

import pytest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wattui.testing.session import Measurer, Session

_SESSION = pytest.StashKey["Session"]()
# The results of a worker of pytest-xdist, for the process that started it.
WORKER = "wattui_joules"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the fixture `joules`."""
    group = parser.getgroup("joules", "energy of functions, by the fixture joules of wattui")
    group.addoption("--joules-save", metavar="NAME", help="keep the results as .joules/NAME.json")
    group.addoption("--joules-compare", metavar="NAME", help="compare the results with saved ones")
    group.addoption(
        "--joules-max-regression",
        metavar="PCT",
        help="with --joules-compare, fail if a figure is clearly worse by more than this: 5%%",
    )
    group.addoption(
        "--joules-estimate",
        action="store_true",
        help="without a power sensor, estimate the energy from processor time instead of skipping",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Refuse options that cannot be followed."""
    asked = [config.getoption(f"joules_{name}") for name in ("save", "compare", "max_regression")]
    if any(value is not None for value in asked):
        _session(config)


@pytest.fixture
def joules(request: pytest.FixtureRequest) -> Measurer:
    """Measure the energy of a call: `result = joules(function, target="2%")`, then `result.joules`.

    It is called again and again until the ± of its energy is narrow enough.
    """
    return _session(request.config).measurer(request.node.nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: object) -> None:
    """Take over the results of a worker of pytest-xdist."""
    if found := getattr(node, "workeroutput", {}).get(WORKER):
        _session(node.config).take(found)  # type: ignore[attr-defined]


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Save and compare the results; a clear regression fails the session."""
    found = session.config.stash.get(_SESSION, None)
    if found is None:
        return
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput[WORKER] = found.to_dict()
    elif found.finish() and session.exitstatus in (pytest.ExitCode.OK, 0):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table of energies."""
    found = terminalreporter.config.stash.get(_SESSION, None)
    if found is not None and found.results:
        terminalreporter.section("joules")
        for line in found.lines():
            terminalreporter.write_line(line)


def _session(config: pytest.Config) -> Session:
    """The measurements of this session. Raises pytest.UsageError."""
    if _SESSION not in config.stash:
        from wattui.testing.session import session_of

        config.stash[_SESSION] = session_of(config)
    return config.stash[_SESSION]
