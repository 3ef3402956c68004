"""The `rhi` command: one file per verb, imported only when it is asked for.

Exit codes: 0 done, 1 failed, 2 wrong usage. What is wrong is said in one sentence on standard error.
"""

import difflib
import importlib
import keyword
import os
import signal
import sys
from typing import Final

from rhi.cli.output import complain

VERBS: Final = {
    "run": "announce what is healthy, as a configuration file says",
    "check": "tell all that is wrong with a configuration file",
    "import": "print the configuration that does what another program was told to do",
    "sample": "print the router's side of a configuration, for a router of your choice",
    "speak": "announce routes to one peer, from arguments, a file or standard input",
    "collect": "be a passive peer that shows what it is told",
    "demo": "see it work: speaker, collector, a service that fails and recovers",
}

USAGE: Final = "usage: rhi VERB [OPTION]...   (rhi VERB --help tells more)"


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    try:
        return _run(sys.argv[1:] if arguments is None else arguments)
    except KeyboardInterrupt:
        # before the verb has taken over the signal
        return 128 + signal.SIGINT
    finally:
        _flush_help()


def _run(words: list[str]) -> int:
    if not words:
        complain(f"rhi: give a verb: {', '.join(VERBS)} (try rhi --help)")
        return 2
    if words[0] == "help" and len(words) > 1:
        words = [words[1], "--help"]
    verb = words[0]
    if verb in ("-h", "--help", "help"):
        print(_help())
        return 0
    if verb in ("-V", "--version"):
        from rhi import __version__

        print(f"rhi {__version__}")
        return 0
    if verb not in VERBS:
        complain(f"rhi: unknown verb {verb!r}; {_did_you_mean(difflib.get_close_matches(verb, VERBS, 1))}")
        return 2
    # no module can be called as a word of Python
    module = importlib.import_module(f"rhi.cli.{verb}{'_' if keyword.iskeyword(verb) else ''}")
    code: int = module.run(words[1:])
    return code


def _flush_help() -> None:
    """`rhi --help | head` and full disks end without a traceback of Python's own."""
    if sys.stdout is None:
        return
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _did_you_mean(close: list[str]) -> str:
    return f"did you mean {close[0]}?" if close else f"known are {', '.join(VERBS)}"


def _help() -> str:
    rows = "\n".join(f"  {verb:<9}{text}" for verb, text in VERBS.items())
    return f"{USAGE}\n\nRoute health injection: announce addresses while they are healthy, by BGP.\n\n{rows}"
