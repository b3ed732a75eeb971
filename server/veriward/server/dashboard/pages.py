"""The dashboard's files, as they lie in the package, and the headers that keep a browser from running anything else.

What models wrote is shown there. No script but these files runs (no inline one, no handler, no `eval`), nothing is
loaded from elsewhere or sent there, and text can only be set as text: browsers with Trusted Types refuse HTML.
"""

from functools import cache
from pathlib import Path

FOLDER = Path(__file__).with_name("page")
FILES = {
    "/": "index.html",
    **{
        f"/dashboard/{name}": name
        for name in (
            "style.css",
            "app.js",
            "charts.js",
            "dom.js",
            "format.js",
            "overview.js",
            "rollouts.js",
            "icon.svg",
        )
    },
}
"""Of each path its file: nothing else is served, whatever a path says."""

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-cache",
}


@cache
def content(path: str) -> tuple[bytes, str]:
    """Of one of `FILES`: its bytes and media type."""
    file = FOLDER / FILES[path]
    return file.read_bytes(), TYPES[file.suffix]
