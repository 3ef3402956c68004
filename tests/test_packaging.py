"""packaging/systemd, by systemd's own tools: the unit is right, confined, and agrees with the daemon.

Nothing is installed or started. The drop-ins of docs/systemd.md are put beside the unit and judged with it.
"""

import configparser
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from rhi.daemon.config.lifecycle import ENDING_TIME
from rhi.daemon.manager import MARGIN

ROOT: Final = Path(__file__).parent.parent
FOLDER: Final = ROOT / "packaging" / "systemd"
DOCUMENT: Final = ROOT / "docs" / "systemd.md"
# Exposure in tenths, of 100; systemd calls up to 2.0 `OK`.
THRESHOLD: Final = 20

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None and os.environ.get("RHI_REQUIRE_LAB") != "1",
    reason="systemd-analyze is not installed (package systemd; see scripts/lab.sh)",
)


def drop_ins() -> list[str]:
    """The settings that the document offers besides those of the unit."""
    found = re.findall(r"^```ini\n(.*?)^```$", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL)
    assert found
    return [str(text) for text in found]


def unit_in(folder: Path, *texts: str) -> Path:
    """The unit with the command of this interpreter, as verify wants it to exist, and with drop-ins."""
    path = folder / "rhi.service"
    text = (FOLDER / "rhi.service").read_text()
    path.write_text(text.replace("/usr/bin/rhi", str(Path(sys.executable))))
    beside = folder / "rhi.service.d"
    beside.mkdir()
    for number, each in enumerate(texts):
        (beside / f"{number}.conf").write_text(each)
    return path


def analyze(*words: str, folder: Path) -> str:
    environment = {**os.environ, "SYSTEMD_UNIT_PATH": f"{folder}:", "SYSTEMD_LOG_LEVEL": "warning"}
    command = ["systemd-analyze", "--no-pager", *words]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=30, check=False)
    assert done.returncode == 0, done.stdout[-500:] + done.stderr
    return done.stdout + done.stderr


def settings(section: str) -> dict[str, str]:
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(FOLDER / "rhi.service")
    return dict(parser[section])


@needs_systemd
@pytest.mark.slow
@pytest.mark.parametrize("texts", [(), *((text,) for text in drop_ins())])
def test_unit_is_right_and_confined(tmp_path: Path, texts: tuple[str, ...]) -> None:
    path = unit_in(tmp_path, *texts)

    # other units of this machine may have faults of their own
    said = analyze("verify", str(path), folder=tmp_path)
    assert [line for line in said.splitlines() if "rhi.service" in line] == []
    analyze("security", "--offline=true", f"--threshold={THRESHOLD}", str(path), folder=tmp_path)


def test_unit_gives_the_daemon_its_time_to_stop() -> None:
    assert int(settings("Service")["TimeoutStopSec"]) >= ENDING_TIME + MARGIN


def test_unit_wants_what_the_daemon_tells() -> None:
    service = settings("Service")

    assert service["Type"] == "notify"
    assert service["ExecReload"] == "/bin/kill -HUP $MAINPID"
    assert int(service["WatchdogSec"]) > 0
    assert service["Restart"] == "on-failure"


def test_unit_stops_before_the_network_does() -> None:
    assert "network-online.target" in settings("Unit")["After"].split()


@needs_systemd
def test_user_and_folder_of_the_unit_are_made(tmp_path: Path) -> None:
    made = subprocess.run(
        ["systemd-sysusers", "--dry-run", f"--root={tmp_path}", str(FOLDER / "rhi.sysusers")],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert made.returncode == 0, made.stderr
    assert re.search(r"Creating user '?rhi'? \(route health injection\)", made.stdout + made.stderr)
    (line,) = [
        each for each in (FOLDER / "rhi.tmpfiles").read_text().splitlines() if not each.startswith("#")
    ]
    assert line == "d /etc/rhi 0750 root rhi -"
    assert settings("Service")["User"] == settings("Service")["Group"] == "rhi"
