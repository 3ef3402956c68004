"""`python -m rhi.cli.attended VERB ...`: `rhi VERB ...`, but not for longer than its parent lives.

For programs that start one and must not leave it behind, whatever ends them, such as `rhi demo`. The parent
holds the other end of the pipe that is our standard input, and writes nothing: the kernel closes it with the
parent, also when that is killed, or has been before we looked.
"""

import os
import signal
import sys
import threading
from typing import Final

from rhi.cli import main

_INPUT: Final = 0


def watch(descriptor: int) -> None:
    """Have this process told to stop, once nobody holds the other end."""
    while os.read(descriptor, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    threading.Thread(target=watch, args=(_INPUT,), name="rhi-attended", daemon=True).start()
    sys.exit(main())
