"""What the daemon tells those who listen, and that their mistakes are theirs."""

import asyncio
from pathlib import Path
from typing import Any

from tests.daemon.control.house import SwitchCheck, make_setup, run, running
from tests.daemon.decision.build import address, service


def test_daemon_decides_on_whatever_its_listeners_do(tmp_path: Path) -> None:
    mistakes: list[dict[str, Any]] = []
    dwelling = make_setup(service("dns", address(1), min_up=0.2))

    def broken(*_: object) -> None:
        raise ValueError("a listener's mistake")

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: mistakes.append(context))
        async with running(tmp_path, dwelling) as house:
            house.daemon.on_decision.append(broken)
            house.daemon.on_report.append(broken)
            await house.decided()

            SwitchCheck.on["dns"] = False
            # first the dwell holds it, and then only time can make the decision
            await house.until(lambda: not house.daemon.controller.reconciler.routes)

    run(main())
    assert mistakes
