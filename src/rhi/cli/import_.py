"""`rhi import`: from the configuration of another program to one of rhi.

The module has an underscore, since `import` is a word of Python.
"""

import sys
from argparse import Namespace
from pathlib import Path
from typing import Final

from rhi.cli.arguments import Parser, daemon_libraries, fail, number
from rhi.cli.output import complain

PROG: Final = "rhi import"
FORMATS: Final = ("exabgp", "anycast-healthchecker", "json")
# Larger by far than any real file: reading the wrong one must not fill the memory.
MAX_FILE_BYTES: Final = 16 * 1024 * 1024


def parser() -> Parser:
    """The arguments of the verb."""
    result = Parser(
        prog=PROG,
        description="Print the configuration that does what another program was told to do. What has no "
        "equivalent is a comment in it, and a sentence on standard error.",
    )
    add = result.add_argument
    add("format", metavar="FORMAT", choices=FORMATS, help=", ".join(FORMATS))
    add(
        "source",
        metavar="SOURCE",
        nargs="+",
        help="a file, a directory of *.conf files, or - for standard input",
    )
    add("--router-id", metavar="ADDR", help="our router id, where the source has none")
    add("--as-number", metavar="N", type=number("AS number", 1, 4294967294), help="our AS number, likewise")
    add("--peer", metavar="ADDR", action="append", default=[], help="a peer that the source does not have")
    add(
        "--peer-as", metavar="N", type=number("AS number", 1, 4294967294), help="the AS number of these peers"
    )
    add(
        "--address",
        metavar="ADDR",
        action="append",
        default=[],
        help="an address that the source leaves open",
    )
    return result


def run(words: list[str]) -> int:
    """Run the verb; returns the exit code."""
    arguments = parser().parse(words)
    with daemon_libraries(PROG):
        from rhi.daemon.config.problems import ConfigError
        from rhi.daemon.importing.draft import SourceError
        from rhi.daemon.importing.verify import verify
    try:
        files = [pair for source in arguments.source for pair in _read(source)]
    except SourceError as error:
        fail(PROG, str(error), 2)
    try:
        text, notes = _convert(arguments, files)
        verify(text)
    except SourceError as error:
        fail(PROG, f"{' '.join(arguments.source)}: {error}", 2)
    except ConfigError as error:
        for problem in error.problems:
            complain(f"{PROG}: {' '.join(arguments.source)}: {problem}")
        return 2
    for note in notes:
        complain(f"{PROG}: {note}")
    sys.stdout.write(text)
    return 0


def _convert(arguments: Namespace, files: list[tuple[str, str]]) -> tuple[str, list[str]]:
    """The configuration and the notes."""
    from rhi.daemon.importing import anycast_healthchecker, exabgp, seed_json
    from rhi.daemon.importing.draft import Draft, SourceError

    draft = Draft(f"{arguments.format} ({', '.join(arguments.source)})")
    draft.router_id, draft.as_number = arguments.router_id, arguments.as_number
    for peer in arguments.peer:
        table = draft.add_peer(peer)
        if arguments.peer_as is not None:
            table.set("peer_as", arguments.peer_as)
    if arguments.format == "anycast-healthchecker":
        anycast_healthchecker.convert(files, draft)
    elif len(files) != 1:
        raise SourceError(f"{len(files)} files: give one")
    elif arguments.format == "exabgp":
        exabgp.convert(files[0][1], draft, _text, arguments.address)
    else:
        seed_json.convert(files[0][1], draft, arguments.peer, arguments.address)
    draft.complete()
    return draft.text(), draft.notes


def _read(source: str) -> list[tuple[str, str]]:
    """Name and content of the files of a source."""
    if source != "-" and Path(source).is_dir():
        return [(str(file), _text(str(file))) for file in sorted(Path(source).glob("*.conf"))]
    return [(source, _text(source))]


def _text(file: str) -> str:
    from rhi.daemon.config.files import read_file
    from rhi.daemon.importing.draft import SourceError
    from rhi.model.wording import os_error_text

    try:
        data = sys.stdin.buffer.read(MAX_FILE_BYTES + 1) if file == "-" else read_file(file, MAX_FILE_BYTES)
        if len(data) > MAX_FILE_BYTES:
            raise SourceError(f"{file}: is larger than {MAX_FILE_BYTES} bytes")
        return data.decode()
    except OSError as error:
        raise SourceError(f"{file}: cannot be read: {os_error_text(error)}") from None
    except UnicodeDecodeError as error:
        raise SourceError(f"{file}: is no UTF-8 text (byte {error.start})") from None
