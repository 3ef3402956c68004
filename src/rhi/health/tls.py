"""tls: a server shakes hands, with a certificate that is trusted, made for its name, and good for some time
yet."""

import ssl
from typing import Literal

from rhi.health.base import Result, failed
from rhi.health.context import Context
from rhi.health.encryption import Encrypting, tls_failure
from rhi.health.target import Target


class TlsCheck(Encrypting, Target):
    """Connects and shakes hands; sends nothing more."""

    type: Literal["tls"] = "tls"

    async def probe(self, context: Context) -> Result:
        """One handshake."""
        what = f"tls {self.where}"
        try:
            encryption = await self.encryption(context)
            async with self.open(self.port, encryption, self.server_name or self.address) as stream:
                failure, measured = self.judge_certificate(stream, context)
                return failure or Result(True, "shook hands", measured)
        except ssl.SSLError as error:
            return tls_failure(what, error)
        except OSError as error:
            return failed(what, error)
