"""The OpenXR testbed, one for all tests that need it; where it can't be had they are skipped with the reason."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[2] / "tools"))

from xr_testbed.root import TestbedUnavailable, open_root
from xr_testbed.testbed import Testbed

_running: list[Testbed] = []


@pytest.fixture(scope="session")
def testbed() -> Iterator[Testbed]:
    """A runtime with the remote headset, 90 Hz, its picture 960 × 540."""
    try:
        root = open_root()
    except TestbedUnavailable as error:
        pytest.skip(str(error))
    with Testbed(root) as bed:
        _running.append(bed)
        yield bed
        _running.remove(bed)


@pytest.fixture(scope="session")
def small_testbed(testbed: Testbed) -> Iterator[Testbed]:
    """The same with small eyes and 30 Hz: the whole program draws them quickly enough on a software rasteriser."""
    with Testbed(open_root(), rate_hz=30, scale_percent=25) as bed:
        _running.append(bed)
        yield bed
        _running.remove(bed)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """A test that failed shows the ends of the testbed's logs."""
    report = yield
    if report.failed and {"testbed", "small_testbed"} & set(getattr(item, "fixturenames", ())):
        for bed in _running:
            for log in sorted(bed.folder.glob("*.log"), key=lambda path: path.stat().st_mtime):
                lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
                report.sections.append((f"testbed: {log.name}", "\n".join(lines[-40:])))
    return report
