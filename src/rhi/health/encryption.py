"""Options of checks that use TLS, and how long the certificate is still good for.

Certificates are verified unless that is turned off. The certificates to trust are read in a thread, once
for all checks with the same options, and again when the checks are configured anew.
"""

import asyncio
import ssl
from typing import Annotated, Final, Self

from pydantic import Field, model_validator

from rhi.errors import InvalidValueError
from rhi.health.base import CannotTellError, FilePath, Result, Text
from rhi.health.context import Context
from rhi.health.target import Connecting, EncryptedStream, Stream
from rhi.health.threads import StillBusyError

_DAY: Final = 86400.0


class Encrypting(Connecting):
    """A check that uses TLS, or may."""

    server_name: Text | None = None
    """Name to ask for (SNI) and to find in the certificate; the address or host of the check if not given."""
    verify: bool = True
    """Whether the certificate must be trusted, in time, and made for this name."""
    ca_file: FilePath | None = None
    """Certificates to trust, in PEM; those of the system if not given."""
    certificate_file: FilePath | None = None
    """Our own certificate, in PEM, for servers that ask for one."""
    key_file: FilePath | None = None
    """The key to it, unless it is in the same file."""
    min_days: Annotated[float, Field(ge=0, le=3650)] | None = None
    """Fail when the certificate ends in fewer days than this."""

    @model_validator(mode="after")
    def _options_fit(self) -> Self:
        if not self.verify:
            for name in ("ca_file", "min_days"):
                if getattr(self, name) is not None:
                    raise InvalidValueError(f"{name}: has no effect with verify = false")
        if self.key_file is not None and self.certificate_file is None:
            raise InvalidValueError("key_file: needs its certificate_file")
        return self

    async def encryption(self, context: Context, protocols: tuple[str, ...] = ()) -> ssl.SSLContext:
        """What TLS needs to know, shared between checks with the same options.

        Raises:
            CannotTellError: a file cannot be read or holds something else.
        """
        key = (self.verify, self.ca_file, self.certificate_file, self.key_file, protocols)
        shared = context.tools.shared
        made = shared.get(key)
        if not isinstance(made, asyncio.Future):
            threads = context.tools.threads
            made = asyncio.ensure_future(threads.run(f"TLS of {context.key}", lambda: self._make(protocols)))
            made.add_done_callback(lambda done: done.cancelled() or done.exception())
            shared[key] = made
        try:
            # Others wait for it too.
            found = await asyncio.shield(made)
        except OSError as error:
            shared.pop(key, None)
            raise CannotTellError(f"certificates or key: {error}") from None
        except StillBusyError:
            shared.pop(key, None)
            raise CannotTellError(
                "certificates or key: an earlier look at the files has not returned"
            ) from None
        assert isinstance(found, ssl.SSLContext)
        return found

    def _make(self, protocols: tuple[str, ...]) -> ssl.SSLContext:
        made = ssl.create_default_context(cafile=self.ca_file)
        if not self.verify:
            made.check_hostname = False
            made.verify_mode = ssl.CERT_NONE
        if self.certificate_file is not None:
            # Without an empty password, an encrypted key would be asked for on the terminal.
            made.load_cert_chain(self.certificate_file, self.key_file, password=lambda: "")
        if protocols:
            made.set_alpn_protocols(list(protocols))
        return made

    def judge_certificate(self, stream: Stream, context: Context) -> tuple[Result | None, dict[str, float]]:
        """A failure if the certificate ends too soon, and the days that are left as a measurement."""
        end = stream.certificate.get("notAfter") if isinstance(stream, EncryptedStream) else None
        if end is None:
            return None, {}
        days = (ssl.cert_time_to_seconds(end) - context.tools.wall_clock()) / _DAY
        measured = {"days_left": days}
        if self.min_days is not None and days < self.min_days:
            text = f"the certificate ends in {days:.1f} days, which is fewer than {self.min_days:g}"
            return Result(False, text, measured), measured
        return None, measured


def tls_failure(what: str, error: ssl.SSLError) -> Result:
    """The failure of a handshake, or of what came after it, in words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return Result(False, f"{what}: certificate: {error.verify_message}")
    reason = (error.reason or str(error)).replace("_", " ").lower()
    return Result(False, f"{what}: TLS: {reason}")
