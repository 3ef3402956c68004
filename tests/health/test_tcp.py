"""tcp checks against servers that take connections, close, hang, flood, and are not there."""

import asyncio
import socket

from rhi.health.hysteresis import Verdict
from rhi.health.runner import Runner
from rhi.health.table import to_check
from tests.health.fakes import Notebook
from tests.health.probing import ask, flood, free_port, one_round, probe, serve, silent


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    line = await reader.readline()
    writer.write(b"you said " + line)
    await writer.drain()


def test_tcp_port_that_listens_passes_and_once_closed_fails() -> None:
    """The real thing fails, and the running check notices."""

    async def main() -> None:
        notebook = Notebook()
        runner = Runner(notebook)
        async with serve(silent) as port:
            options = {"type": "tcp", "address": "127.0.0.1", "port": port, "interval": 0.05}
            runner.configure({"it": to_check({**options, "rise": 2, "fall": 2})})
            await notebook.until(2)
            assert notebook[1].after.verdict is Verdict.UP
        seen = len(notebook)
        await notebook.until(seen + 3)
        assert notebook[-1].after.verdict is Verdict.DOWN
        assert notebook[-1].result is not None
        assert notebook[-1].result.detail == f"tcp 127.0.0.1:{port}: Connection refused"
        await runner.close()

    asyncio.run(main())


def test_tcp_ipv6_port_is_not_the_ipv4_port() -> None:
    async def main() -> None:
        async with serve(silent, "::1") as port:
            assert (await ask(to_check({"type": "tcp", "address": "::1", "port": port}))).ok
            assert not (await ask(to_check({"type": "tcp", "address": "127.0.0.1", "port": port}))).ok

    asyncio.run(main())


def test_tcp_expectation_is_sent_for_and_read() -> None:
    async def main() -> None:
        async with serve(echo) as port:
            options = {"type": "tcp", "address": "127.0.0.1", "port": port, "send": "PING\r\n"}
            assert (await ask(to_check({**options, "expect": "said*PING"}))).ok
            result = await ask(to_check({**options, "expect": "PONG"}))
            assert not result.ok
            assert "you said PING" in result.detail

    asyncio.run(main())


def test_tcp_process_that_hangs_is_seen_only_when_an_answer_is_expected() -> None:
    """Half-open: the kernel takes connections for a process that never calls accept."""

    async def main() -> None:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen(16)
            port = listener.getsockname()[1]
            options = {"type": "tcp", "address": "127.0.0.1", "port": port, "timeout": 0.05}
            assert (await ask(to_check(options))).ok
            report = await one_round(to_check({**options, "expect": "220"}))
            assert report.result is not None
            assert report.result.detail == "no answer within 0.05 s"

    asyncio.run(main())


def test_tcp_flood_without_the_expected_ends_after_16_kib() -> None:
    async def main() -> None:
        async with serve(flood) as port:
            options = {"type": "tcp", "address": "127.0.0.1", "port": port, "expect": "220"}
            result = await ask(to_check(options))
            assert result.detail.endswith("16384 bytes without what is expected")

    asyncio.run(main())


def test_tcp_connection_to_itself_fails() -> None:
    """A loopback connection from the very port it goes to succeeds although nobody listens."""
    port = free_port()

    class FromTheSamePort(type(to_check({"type": "tcp", "address": "127.0.0.1", "port": 1}))):  # type: ignore[misc]
        def new_socket(self, kind: int, protocol: int = 0) -> socket.socket:
            sock: socket.socket = super().new_socket(kind, protocol)
            sock.bind(("127.0.0.1", self.port))
            return sock

    result = asyncio.run(ask(FromTheSamePort(type="tcp", address="127.0.0.1", port=port)))

    assert result.detail == f"tcp 127.0.0.1:{port}: Connection refused"


def test_tcp_source_address_is_used() -> None:
    async def main() -> str:
        seen: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        async def note(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            seen.set_result(writer.get_extra_info("peername")[0])

        async with serve(note) as port:
            check = {"type": "tcp", "address": "127.0.0.1", "port": port, "source": "127.0.0.77"}
            assert (await ask(to_check(check))).ok
            return await seen

    assert asyncio.run(main()) == "127.0.0.77"


def test_tcp_interface_lo_reaches_loopback() -> None:
    async def main() -> bool:
        async with serve(silent) as port:
            check = {"type": "tcp", "address": "127.0.0.1", "port": port, "interface": "lo"}
            return (await ask(to_check(check))).ok

    assert asyncio.run(main())


def test_tcp_source_or_interface_that_we_lack_is_no_verdict() -> None:
    async def main() -> None:
        options = {"type": "tcp", "address": "127.0.0.1", "port": 1}
        report = await one_round(to_check({**options, "source": "192.0.2.99"}))
        assert report.alarm == "tcp 127.0.0.1:1: Cannot assign requested address"
        assert report.after.verdict is Verdict.UNKNOWN
        report = await one_round(to_check({**options, "interface": "none7"}))
        assert report.alarm == "tcp 127.0.0.1:1: No such device"

    asyncio.run(main())


def test_tcp_server_that_closes_at_once_lacks_the_expected() -> None:
    async def close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async def main() -> None:
        async with serve(close) as port:
            options = {"type": "tcp", "address": "127.0.0.1", "port": port, "expect": "220"}
            assert not (await ask(to_check(options))).ok

    asyncio.run(main())


def test_tcp_port_without_listener_fails() -> None:
    assert not probe({"type": "tcp", "address": "127.0.0.1", "port": free_port()}).ok
