"""Keys of a session, from files and from the environment: a command line can be read by others."""

import os
from typing import Final

from rhi.cli.arguments import fail
from rhi.errors import InvalidValueError
from rhi.model.parameters import MAX_PASSWORD_BYTES
from rhi.model.tcp_ao import MAX_AO_KEY_BYTES, AoKey, to_ao_keys
from rhi.model.wording import os_error_text

# More than 256 keys, which is all that numbers of one octet can tell apart, take.
_MOST_BYTES: Final = 64 * 1024
_AO_FORM: Final = "SEND_ID RECEIVE_ID ALGORITHM KEY"


def password_from_file(prog: str, path: str) -> bytes:
    """The TCP MD5 key in the first line of a file, which has no other; ends the program without one."""
    try:
        with open(path, "rb") as file:
            key = file.readline(MAX_PASSWORD_BYTES + 3).rstrip(b"\r\n")
            rest = file.read(4096)  # more than anybody has as empty lines
    except OSError as error:
        fail(prog, f"cannot read {path}: {os_error_text(error)}", 1)
    if not key:
        fail(prog, f"{path}: has no key in its first line", 1)
    if len(key) > MAX_PASSWORD_BYTES:
        fail(prog, f"{path}: a TCP MD5 key has at most {MAX_PASSWORD_BYTES} bytes", 1)
    if rest.strip():
        fail(prog, f"{path}: has more than one line; the key is the first, and stands alone", 1)
    return key


def password_from_environment(prog: str, name: str) -> bytes:
    """The TCP MD5 key in an environment variable; ends the program without one."""
    key = os.environb.get(os.fsencode(name))
    if key is None:
        fail(prog, f"environment variable {name}: is not set, and should hold the TCP MD5 key", 1)
    if not 1 <= len(key) <= MAX_PASSWORD_BYTES:
        fail(prog, f"environment variable {name}: must hold a key of 1 to {MAX_PASSWORD_BYTES} bytes", 1)
    return key


def ao_keys_from_file(prog: str, path: str) -> tuple[AoKey, ...]:
    """The TCP-AO keys in a file, one a line; ends the program when one is wrong, or there is none."""
    try:
        with open(path, "rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except OSError as error:
        fail(prog, f"cannot read {path}: {os_error_text(error)}", 1)
    if len(data) > _MOST_BYTES:
        fail(prog, f"{path}: is no file of TCP-AO keys, with more than {_MOST_BYTES} bytes", 1)
    keys = []
    for position, line in enumerate(data.splitlines(), 1):
        if line.strip() and not line.lstrip().startswith(b"#"):
            try:
                keys.append(_ao_key(line))
            except InvalidValueError as error:
                fail(prog, f"{path}, line {position}: {error}", 1)
    if not keys:
        fail(prog, f"{path}: has no key; write lines of {_AO_FORM}", 1)
    try:
        return to_ao_keys(keys)
    except InvalidValueError as error:
        fail(prog, f"{path}: {error}", 1)


def _ao_key(line: bytes) -> AoKey:
    """One line's key; everything behind the third word is the key itself, blanks and all."""
    words = line.split(maxsplit=3)
    if len(words) < 4 or not words[0].isdigit() or not words[1].isdigit():
        raise InvalidValueError(f"must be {_AO_FORM}, such as 1 1 hmac-sha-1-96 secret")
    if len(words[3]) > MAX_AO_KEY_BYTES:
        raise InvalidValueError(f"a TCP-AO key has at most {MAX_AO_KEY_BYTES} bytes")
    send_id, receive_id = _key_id(words[0], "SEND_ID"), _key_id(words[1], "RECEIVE_ID")
    return AoKey(words[3], send_id, receive_id, words[2].decode("ascii", "replace"))


def _key_id(digits: bytes, what: str) -> int:
    if len(digits) > 3:
        text = digits.decode() if len(digits) <= 10 else f"{digits[:10].decode()}..."
        raise InvalidValueError(f"{what} {text}: must be 0 to 255, in at most three digits")
    return int(digits)
