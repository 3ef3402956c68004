"""The status page: files that a browser gets as they are, without a token, since they hold no data.

What the page shows it asks of the API, as any other client, with the token that its reader types in. It loads
nothing from elsewhere, and the headers forbid it to: whatever text a check or a peer brings, it stays text.
"""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

_TYPES: Final = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml; charset=utf-8",
}

_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        # nothing but constants of the page's own files can become markup or script
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)

HEADERS: Final = {
    "Content-Security-Policy": _POLICY,
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # another version of the daemon has other files
    "Cache-Control": "no-cache",
}

# Stands in index.html for whether the browser has to send a token.
_ASKS_FOR_TOKEN: Final = "ASKS-FOR-TOKEN"


@dataclass(frozen=True, slots=True)
class PageFile:
    """One file: its path in the address, its name in this folder, and its name in the metrics."""

    path: str
    file: str
    name: str

    @property
    def media(self) -> str:
        """Content-Type."""
        return _TYPES[self.file.rpartition(".")[2]]

    def text(self, *, asks_for_token: bool) -> str:
        """What the browser gets."""
        return _read(self.file).replace(_ASKS_FOR_TOKEN, "yes" if asks_for_token else "no")


PAGE_FILES: Final = (
    PageFile("/", "index.html", "page"),
    *(
        PageFile(f"/{file}", file, f"page_{file.replace('.', '_')}")
        for file in (
            "page.css",
            "page.js",
            "client.js",
            "drain.js",
            "tables.js",
            "teller.js",
            "text.js",
            "orders.js",
            "timeline.js",
            "view.js",
            "icon.svg",
        )
    ),
)


@cache
def _read(file: str) -> str:
    return files(__name__).joinpath(file).read_text(encoding="utf-8")
