"""Where the servers are: one address or several, tried in turn."""

import os
from collections.abc import Sequence

import httpx

DEFAULT_URL = "http://127.0.0.1:8000"


class Servers:
    """The addresses in order of preference; the current one is used until it cannot be reached."""

    def __init__(self, url: str | Sequence[str] | None = None) -> None:
        """`url`: an address, several with commas between, or a sequence; None: `VERIWARD_URL`, else the default."""
        given = url if url is not None else os.environ.get("VERIWARD_URL") or DEFAULT_URL
        parts = given.split(",") if isinstance(given, str) else given
        self.addresses = tuple(_checked(part) for part in parts if part.strip())
        if not self.addresses:
            raise ValueError("no server address given: pass url= or set VERIWARD_URL, as in http://127.0.0.1:8000")
        self._current = 0
        self._urls: dict[tuple[str, str], httpx.URL] = {}

    @property
    def current(self) -> str:
        return self.addresses[self._current]

    def turn_from(self, address: str) -> None:
        """Go on to the next, unless another thread already left `address`."""
        if address == self.current:
            self._current = (self._current + 1) % len(self.addresses)

    def url(self, address: str, path: str) -> httpx.URL:
        """The parsed URL, kept: parsing costs more than all else that the client does for a small request."""
        key = (address, path)
        if key not in self._urls:
            self._urls[key] = httpx.URL(address + path)
        return self._urls[key]


def _checked(address: str) -> str:
    address = address.strip().rstrip("/")
    try:
        url = httpx.URL(address)
    except httpx.InvalidURL as error:
        raise ValueError(f"server address {address!r} is not a URL: {error}") from None
    if url.scheme not in ("http", "https") or not url.host or url.query or url.fragment or url.userinfo:
        raise ValueError(f"server address {address!r} must look like http://host:port or https://host/prefix")
    return address
