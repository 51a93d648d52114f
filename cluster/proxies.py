"""By which proxy a server is asked: as the configuration says, else as the environment does."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

NONE = "none"  # in a configuration: none, whatever the environment says


@dataclass(frozen=True, slots=True)
class Proxies:
    """`said`: the address of one for all servers, `NONE`, or '': HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY."""

    said: str = ""

    def of(self, url: str) -> str:
        """The address of the proxy by which a URL is asked for, '' for none. Raises ValueError for what is none."""
        found = self.said or _of_environment(url)
        if found == NONE or not found:
            return ""
        found = found if "://" in found else f"http://{found}"
        if (wrong := wrong_with(found)) is not None:
            raise ValueError(f"the proxy of the environment: {wrong}")
        return found


def wrong_with(proxy: str) -> str | None:
    """What is wrong with a proxy's address; None if nothing is. It is not repeated: it may hold a password."""
    expected = "an address like 'http://proxy.example.com:3128' was expected"
    try:
        there = urlsplit(proxy)
        host, _ = there.hostname, there.port
    except ValueError:
        return expected
    if there.scheme.startswith("socks"):
        return f"{there.scheme} is not spoken; {expected}"
    return None if there.scheme in ("http", "https") and host else expected


def _of_environment(url: str) -> str:
    from urllib.request import getproxies, proxy_bypass

    there, proxies = urlsplit(url), getproxies()
    if proxy_bypass(there.netloc.rpartition("@")[2]):
        return ""
    return proxies.get(there.scheme) or proxies.get("all") or ""
