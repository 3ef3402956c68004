"""The `rhi` command: one file per verb, imported only when it is asked for.

Exit codes: 0 done, 1 failed, 2 wrong usage. What is wrong is said in one sentence on standard error.
"""

import difflib
import gc
import importlib
import keyword
import os
import signal
import sys
from types import ModuleType
from typing import Final

from rhi.cli.output import complain

# As `rhi --help` shows them.
GROUPS: Final = {
    "the daemon": {
        "run": "announce what is healthy, as a configuration file says",
        "check": "tell all that is wrong with a configuration file",
        "doctor": "tell what on this host keeps a configuration from working",
        "import": "print the configuration that does what another program was told to do",
        "sample": "print the router's side of a configuration, for a router of your choice",
    },
    "a daemon that runs": {
        "status": "show its services, checks, peers, guards and alarms, once or live",
        "explain": "tell why an address is announced or not",
        "history": "show what it has seen and decided",
        "announce": "announce a service whatever its checks say",
        "withdraw": "withdraw a service whatever its checks say",
        "drain": "take a service out of use without loss",
        "undrain": "let the checks of a service decide again",
        "plan": "show what a configuration file would change",
        "reload": "have it read its configuration file again",
    },
    "without a daemon": {
        "speak": "announce routes to one peer, from arguments, a file or standard input",
        "collect": "be a passive peer that shows what it is told",
        "demo": "see it work: a daemon, its page, a service that fails, a drain",
    },
}
VERBS: Final = {verb: text for group in GROUPS.values() for verb, text in group.items()}

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
    code: int = module_of(verb).run(words[1:])
    return code


def module_of(verb: str) -> ModuleType:
    """The module of a verb: the one of its name, or with an underscore when that is a word of Python."""
    # what an import makes stays: the collector would look through it again and again, a tenth of the start
    gc.disable()
    try:
        return importlib.import_module(f"rhi.cli.{verb}{'_' if keyword.iskeyword(verb) else ''}")
    finally:
        gc.enable()


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
    parts = [USAGE, "Route health injection: announce addresses while they are healthy, by BGP."]
    for title, verbs in GROUPS.items():
        parts.append("\n".join([f"{title}:", *(f"  {verb:<10}{text}" for verb, text in verbs.items())]))
    return "\n\n".join(parts)
