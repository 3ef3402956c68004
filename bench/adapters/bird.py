"""BIRD 2: one static protocol with all routes, one with each single route, driven over the control socket."""

from __future__ import annotations

import contextlib
import socket
import subprocess
from collections.abc import Mapping
from threading import Event, Thread
from time import monotonic, sleep
from typing import ClassVar, Final

from bench.adapters.base import Speaker, find_program
from bench.errors import BenchError, TooLate
from bench.ground import SINK_AS, SPEAKER_AS, Ground
from bench.routes import SINGLE_ROUTES, addresses

WAKE_INTERVAL: Final = 0.005


class Bird(Speaker):
    NAME = "bird"
    WAYS: ClassVar[Mapping[str, str]] = {
        "B1": "static routes of the configuration file",
        "B2": "static routes of the configuration file",
        "B3": "control socket: `enable` and `disable` of a static protocol with one route",
        "B4": "control socket: `configure` with another export filter",
        "B6": "a protocol for each peer, from one template",
        "B5": "control socket: `disable` of the static protocol",
    }

    def __init__(self, ground: Ground, *, extended: bool, timeout: float) -> None:
        super().__init__(ground, extended=extended, timeout=timeout)
        self._control: ControlSocket | None = None
        self._med: int | None = None
        self._is_closed = Event()
        self._has_bulk = Event()

    @classmethod
    def version(cls) -> str:
        find_program("birdc", "bird2")
        command = [find_program("bird", "bird2"), "--version"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return (done.stdout + done.stderr).split()[-1]

    def load(self, number: int) -> None:
        self.prepare_start(number)
        self.start()
        control = self._connect()
        wanted = f"-{number} of "  # after the code of the answer
        self._wait(lambda: wanted in control.ask("show route protocol everything count"), "load")

    def prepare_start(self, number: int) -> None:
        self.ground.require_namespace()
        with (self.folder / "routes.conf").open("w") as file:
            file.write("protocol static everything {\n  ipv4;\n")
            file.writelines(f"  route {address}/32 blackhole;\n" for address in addresses(number))
            file.write("}\n")
        with (self.folder / "singles.conf").open("w") as file:
            for address in SINGLE_ROUTES:
                name = _single(address)
                file.write(f"protocol static {name} {{ disabled; ipv4; route {address}/32 blackhole; }}\n")
        self._configure()

    def start(self) -> float:
        config = str(self.folder / "bird.conf")
        bird = find_program("bird", "bird2")
        started = self._run([bird, "-f", "-c", config, "-s", self._socket, "-P", f"{config}.pid"])
        self._has_bulk.set()
        Thread(target=self._keep_awake, daemon=True).start()
        return started.started_at

    def announce(self, address: str) -> float:
        self._has_bulk.clear()
        return self._tell(f"enable {_single(address)}")

    def withdraw(self, address: str) -> float:
        return self._tell(f"disable {_single(address)}")

    def change_med(self, med: int) -> float:
        self._med = med
        self._configure()
        self._has_bulk.set()
        return self._tell("configure")

    def withdraw_all(self) -> float:
        self._has_bulk.set()
        return self._tell("disable everything")

    def close(self) -> None:
        self._is_closed.set()
        if self._control is not None:
            self._control.close()
            self._control = None
        super().close()

    @property
    def _socket(self) -> str:
        return str(self.folder / "ctl")

    def _configure(self) -> None:
        export = "all" if self._med is None else f"filter {{ bgp_med = {self._med}; accept; }}"
        extended = "  enable extended messages on;\n" if self.extended else ""
        self._write(
            "bird.conf",
            f"log stderr all;\nrouter id {self.ground.speaker};\n"
            f'include "{self.folder}/routes.conf";\ninclude "{self.folder}/singles.conf";\n'
            f"template bgp sinks {{\n  local {self.ground.speaker} port {self.ground.port} as {SPEAKER_AS};\n"
            f"  multihop;\n  passive;\n{extended}"
            f"  ipv4 {{ import none; export {export}; next hop self; }};\n}}\n"
            + "".join(
                f"protocol bgp sink{number} from sinks {{ neighbor {peer} as {SINK_AS}; }}\n"
                for number, peer in enumerate(self.peers)
            ),
        )

    def _connect(self) -> ControlSocket:
        if self._control is None:
            self._control = ControlSocket(self._socket, self.timeout)
        return self._control

    def _keep_awake(self) -> None:
        """Ask BIRD something all the time while it has many routes to send.

        BIRD 2.0.12 may leave the last UPDATEs of a table waiting until something else happens, for 3 s at the
        most, which is how long it sleeps. On a router something else happens all the time.
        """
        with contextlib.suppress(OSError, BenchError):  # of a BIRD that has been ended
            control = ControlSocket(self._socket, self.timeout)
            while not self._is_closed.wait(WAKE_INTERVAL):
                if self._has_bulk.is_set():
                    control.ask("show status")
            control.close()

    def _tell(self, command: str) -> float:
        control = self._connect()
        at = monotonic()
        control.ask(command)
        return at


class ControlSocket:
    """What birdc talks to: a line out, lines back, the last of which has a space after its four digits."""

    def __init__(self, path: str, timeout: float) -> None:
        deadline: Final = monotonic() + timeout
        while True:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self._socket.settimeout(timeout)
            try:
                self._socket.connect(path)
                break
            except OSError:
                self._socket.close()
                if monotonic() > deadline:
                    raise TooLate(f"BIRD does not answer within {timeout:g} s") from None
                sleep(0.01)
        self._read()

    def ask(self, command: str) -> str:
        """The answer to a command."""
        self._socket.sendall(f"{command}\n".encode())
        return self._read()

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def _read(self) -> str:
        data = b""
        while not (data.endswith(b"\n") and _is_last(data[:-1].rpartition(b"\n")[2])):
            more = self._socket.recv(65536)
            if not more:
                raise BenchError("BIRD has closed its control socket")
            data += more
        answer = data.decode()
        if answer.rpartition("\n")[0].rpartition("\n")[2][:1] in "89":
            raise BenchError(f"BIRD: {answer.strip()}")
        return answer


def _is_last(line: bytes) -> bool:
    return line[:4].isdigit() and line[4:5] == b" "


def _single(address: str) -> str:
    return "single" + address.replace(".", "_")
