"""What may be fetched from where: https only, from hosts that are named here, politely."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit
from urllib.request import getproxies

from recclaims.errors import NotAvailableError

if TYPE_CHECKING:
    import urllib3

#: Where the lab that made the dataset keeps its raw files, in the order in which they are tried.
BASES = (
    "https://mcauleylab.ucsd.edu/public_datasets/data/amazon_2023/raw",
    "https://datarepo.eng.ucsd.edu/mcauley_group/data/amazon_2023/raw",
)
#: Where the products' images are.
IMAGE_HOSTS = ("m.media-amazon.com", "images-na.ssl-images-amazon.com")
REDIRECTS = 5
REDIRECTED = frozenset({301, 302, 303, 307, 308})
#: Answers that may be another one a moment later.
PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})


class NotAllowedError(NotAvailableError):
    """An address that nothing is fetched from."""


@dataclass(frozen=True)
class Web:
    """How to fetch.

    Attributes:
        bases: see BASES.
        image_hosts: see IMAGE_HOSTS.
        connections: to one host at once.
        timeout: seconds without an answer, or without another byte.
        tries: how often in a row one thing is tried without getting any further.
        pause: waits so many seconds.
    """

    bases: tuple[str, ...] = BASES
    image_hosts: tuple[str, ...] = IMAGE_HOSTS
    connections: int = 8
    timeout: float = 30.0
    tries: int = 6
    pause: Callable[[float], None] = time.sleep
    #: Tests serve on this machine, without a certificate. Nothing else sets it.
    _scheme: str = "https"

    @property
    def hosts(self) -> tuple[str, ...]:
        """The hosts of the raw files."""
        return tuple(urlsplit(base).hostname or "" for base in self.bases)

    def check(self, url: str, hosts: tuple[str, ...]) -> None:
        """Raise NotAllowedError where `url` is not on one of `hosts`, or not https on its usual port."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise NotAllowedError(f"{url[:200]}: no address") from None
        if parts.scheme != self._scheme or parts.hostname not in hosts or parts.username is not None:
            raise NotAllowedError(f"{url[:200]}: only {self._scheme} from {', '.join(hosts)} is fetched")
        if self._scheme == "https" and port not in (None, 443):
            raise NotAllowedError(f"{url[:200]}: port {port} is not that of https")

    @contextmanager
    def get(self, url: str, hosts: tuple[str, ...], headers: dict[str, str]) -> Iterator[urllib3.BaseHTTPResponse]:
        """Ask for `url`; a redirect is followed to `hosts` alone. The body is not read yet.

        Raises:
            NotAllowedError: see check.
            urllib3.exceptions.HTTPError: no answer.
        """
        for _ in range(REDIRECTS):
            self.check(url, hosts)
            response = self._pool.request(
                "GET", url, headers={**self._headers, **headers}, redirect=False, retries=False, preload_content=False
            )
            target = response.headers.get("location")
            try:
                if response.status not in REDIRECTED or target is None:
                    yield response
                    return
            finally:
                # Whatever was not read goes with the connection, and its place is free again.
                response.close()
                response.release_conn()
            url = urljoin(url, target)
        raise NotAllowedError(f"{url[:200]}: redirected more than {REDIRECTS} times")

    def back_off(self, failures: int, retry_after: str | None = None) -> None:
        """Wait: longer after each failure in a row, or as long as the server asks, up to two minutes."""
        asked = float(retry_after) if retry_after and retry_after.isdecimal() else 0.0
        # Not all at once again: S311 is about secrets.
        self.pause(min(max(asked, 2.0 ** min(failures, 6) * random.uniform(0.5, 1.0)), 120.0))  # noqa: S311

    @cached_property
    def _headers(self) -> dict[str, str]:
        return {"user-agent": f"recclaims/{version('recclaims')}", "accept-encoding": "identity"}

    @cached_property
    def _pool(self) -> urllib3.PoolManager:
        import urllib3

        timeout = urllib3.Timeout(connect=self.timeout, read=self.timeout)
        proxy = getproxies().get("https") if self._scheme == "https" else None
        if proxy:
            return urllib3.ProxyManager(proxy, maxsize=self.connections, block=True, timeout=timeout)
        return urllib3.PoolManager(maxsize=self.connections, block=True, timeout=timeout)
