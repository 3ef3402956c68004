"""`rhi collect`: a passive peer that shows what it is told."""

import argparse
import threading
from typing import Final

from rhi.cli.arguments import Parser, checked, ignore_stop_signals, one_sentence, stop_signals
from rhi.cli.printer import Printer
from rhi.model.parameters import to_as_number, to_router_id
from rhi.net.endpoint import ListenAddress
from rhi.testing.collector import DEFAULT_AS, DEFAULT_ROUTER_ID, Collector

PROG: Final = "rhi collect"


def parser() -> Parser:
    """The verb's arguments."""
    result = Parser(
        PROG,
        description="Be a passive BGP peer that accepts any neighbour and shows what it is told: "
        "+ for a route announced, - for one withdrawn. It announces nothing and installs nothing. "
        "Ends with a signal, or when nobody reads its output.",
        allow_abbrev=False,
    )
    add = result.add_argument
    add(
        "--listen",
        metavar="ADDR:PORT",
        type=checked(ListenAddress.parse),
        default=ListenAddress.parse("127.0.0.1:1790"),
        help="where to accept connections (127.0.0.1:1790)",
    )
    add(
        "--as",
        dest="as_number",
        metavar="N",
        type=checked(lambda text: to_as_number(text, "AS number")),
        default=DEFAULT_AS,
        help=f"our AS number ({DEFAULT_AS})",
    )
    add(
        "--router-id",
        metavar="ADDR",
        type=checked(to_router_id),
        default=to_router_id(DEFAULT_ROUTER_ID),
        help=f"our BGP identifier ({DEFAULT_ROUTER_ID})",
    )
    add("--json", action="store_true", help="print events as JSON lines, the status last")
    return result


def run(words: list[str]) -> int:
    """Run the verb until a signal, or until nobody reads what it prints; returns the exit code."""
    arguments = parser().parse(words)
    with one_sentence(PROG), stop_signals():
        gone = threading.Event()
        printer = Printer(as_json=arguments.json, on_gone=gone.set)
        collector = Collector(
            str(arguments.listen),
            as_number=arguments.as_number,
            router_id=str(arguments.router_id),
            on_event=printer.on_event,
        )
        try:
            _greet(printer, collector, arguments)
            gone.wait()
        finally:
            ignore_stop_signals()
            status = collector.status() if arguments.json else {}
            collector.close()
            if arguments.json:
                printer.write_status(status)
    return 0


def _greet(printer: Printer, collector: Collector, arguments: argparse.Namespace) -> None:
    address = ListenAddress.parse((collector.host, collector.port))
    if arguments.json:
        printer.write_listening(address, arguments.as_number)
    else:
        printer.write(f"listening on {address} as AS {arguments.as_number}")
