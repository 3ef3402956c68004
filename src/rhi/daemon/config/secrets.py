"""Secrets: from files and from the environment, never from the configuration itself."""

import os

from rhi.daemon.config.files import read_file
from rhi.model.wording import os_error_text

# Longer than any key that is used, so that a wrong file is not read whole.
MAX_SECRET_BYTES = 4096


class SecretError(Exception):
    """A secret that is named cannot be had; the message holds nothing of it."""


def read_secret(file: str | None, variable: str | None) -> bytes | None:
    """The secret in the first and only line of a file, or in a variable of the environment; None for neither.

    Raises:
        SecretError: there is none, it is empty, or the file has more than one line.
    """
    if file is not None:
        secret, what = _read_file(file), f"secret in file {file}"
    elif variable is not None:
        if variable not in os.environ:
            raise SecretError(f"secret in variable {variable}: it is not set")
        secret, what = os.environb[variable.encode()], f"secret in variable {variable}"
    else:
        return None
    if not secret:
        raise SecretError(f"{what}: is empty")
    return secret


def _read_file(file: str) -> bytes:
    try:
        data = read_file(file, MAX_SECRET_BYTES)
    except OSError as error:
        raise SecretError(f"secret in file {file}: {os_error_text(error)}") from None
    line, _, rest = data.partition(b"\n")
    if len(data) > MAX_SECRET_BYTES or rest.strip():
        raise SecretError(f"secret in file {file}: must be its first and only line")
    return line.rstrip(b"\r")
