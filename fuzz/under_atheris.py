"""`python -m fuzz.under_atheris TARGET FOLDER ...`: one target inside atheris; `fuzz.guided` runs it."""

import sys

import atheris

# only what is imported in here is seen by the coverage
with atheris.instrument_imports(include=["rhi"], enable_loader_override=False):
    from fuzz.targets import TARGETS, check


def main() -> None:
    """Never returns: atheris ends the process."""
    target = TARGETS[sys.argv.pop(1)]
    atheris.Setup(sys.argv, lambda data: check(target, data))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
