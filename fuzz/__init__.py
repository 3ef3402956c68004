"""Fuzzing: broken input to every decoder and to a whole session.

    make fuzz T=60                  all targets, a minute in all
    python -m fuzz --target open    one target
    python -m fuzz --target open --input 0400...   one input, in hexadecimal, as a failure prints it

The contract of a target: take any bytes; return, or raise only what its decoder documents. Guided by coverage
where atheris is installed, else by mutation of the seeds alone.
"""
