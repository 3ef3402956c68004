"""Patterns of `processes-match`: those that Python is done with in a moment, whatever the name of a process.

They come from the file that is converted, and Python goes back over a name in every way that a pattern leaves
open. So what multiplies these ways is counted: a repetition of one letter may end behind each letter of a
name, and a choice doubles them. Repeated groups, and what is hard to count, are refused. Matches nothing.
"""

import re
from typing import Final

from rhi.daemon.importing.draft import SourceError
from rhi.model.wording import shown

# As many as the name of a service may have.
MAX_NAME_LETTERS: Final = 100
MAX_PATTERN_LETTERS: Final = 200
MAX_REPEATS: Final = 4
# One repetition leaves 2^6.7 ways in a name, four of them 2^22, since each begins where the last has ended.
CHOICES_OF_A_REPEAT: Final = 6

# Escaped letters and sets, which are one letter; (?: and the like repeat nothing.
_ONE_LETTER: Final = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\(\?", re.DOTALL)
# What may be matched several times, with what makes it lazy or possessive; and what may be there or not.
_REPEAT: Final = re.compile(r"(?:[*+]|\{\d*(?:,\d*)?\})[?+]?")
_CHOICE: Final = re.compile(r"\?[?+]?|\|")
_REPEATED_GROUP: Final = re.compile(r"\)[*+{]")
# Going back to a group; a comment, and the space that a verbose pattern may have, hide what is behind them.
_UNCOUNTED: Final = re.compile(r"\\[1-9]|\(\?P=|\(\?#|\s")


def compile_pattern(text: str) -> re.Pattern[str]:
    """The pattern.

    Raises:
        SourceError: it may take Python for ever.
        re.error: it is none; and RecursionError and OverflowError, by what Python makes of it.
    """
    plain = _ONE_LETTER.sub(lambda found: "(" if found[0] == "(?" else "x", text)
    rest, repeats = _REPEAT.subn("", plain)
    choices = len(_CHOICE.findall(rest)) + CHOICES_OF_A_REPEAT * repeats
    is_costly = choices > CHOICES_OF_A_REPEAT * MAX_REPEATS or _REPEATED_GROUP.search(plain)
    if is_costly or len(text) > MAX_PATTERN_LETTERS or _UNCOUNTED.search(text):
        raise SourceError(
            f"{shown(text)}: may take too long; a pattern may repeat single letters (* + {{}}) {MAX_REPEATS} "
            f"times, have {CHOICES_OF_A_REPEAT} choices (? |) instead of each, up to {MAX_PATTERN_LETTERS} "
            "letters, and no repeated groups, references, comments or spaces; write the names with processes "
            "instead"
        )
    return re.compile(text)
