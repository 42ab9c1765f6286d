"""What may be fetched from where: https only, from hosts that are named here, politely."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import urljoin, urlsplit
from urllib.request import getproxies

import urllib3
from urllib3.exceptions import HTTPError, InvalidHeader
from urllib3.util import Retry

from recclaims import NotAvailableError, __version__

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


#: Seconds that are waited at most, whatever a server asks.
LONGEST = 120.0


class NotAllowedError(NotAvailableError):
    """An address that nothing is fetched from."""


class LaterError(HTTPError):
    """Something that may go better another time; `after` is how long the server asked to wait, as it said it."""

    def __init__(self, reason: str, after: str | None = None) -> None:
        super().__init__(reason)
        self.after = after


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
            raise NotAllowedError(f"{url[:200]}: not a valid address") from None
        if parts.scheme != self._scheme or parts.hostname not in hosts or parts.username is not None:
            raise NotAllowedError(f"{url[:200]}: only {self._scheme} from {', '.join(hosts)} is fetched")
        if self._scheme == "https" and port not in (None, 443):
            raise NotAllowedError(f"{url[:200]}: port {port} is not allowed; https has its own")

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

    def retries(self) -> Retry:
        """How often one thing is tried that gets no further, and how long is waited; the jitter parts those at once."""
        return Retry(total=self.tries - 1, backoff_factor=2, backoff_jitter=2, backoff_max=LONGEST)

    def wait(self, retries: Retry, error: HTTPError) -> None:
        """Wait after a failure that `retries` counts: longer after each in a row, or as long as the server asks."""
        asked = 0.0
        if isinstance(error, LaterError) and error.after:
            with suppress(InvalidHeader):
                asked = retries.parse_retry_after(error.after)
        self.pause(min(max(asked, retries.get_backoff_time()), LONGEST))

    @cached_property
    def _headers(self) -> dict[str, str]:
        return {"user-agent": f"recclaims/{__version__}", "accept-encoding": "identity"}

    @cached_property
    def _pool(self) -> urllib3.PoolManager:
        timeout = urllib3.Timeout(connect=self.timeout, read=self.timeout)
        proxy = getproxies().get("https") if self._scheme == "https" else None
        if proxy:
            return urllib3.ProxyManager(proxy, maxsize=self.connections, block=True, timeout=timeout)
        return urllib3.PoolManager(maxsize=self.connections, block=True, timeout=timeout)
