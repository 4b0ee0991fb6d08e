"""Sizes, times and limits in words. Pure; raises nothing."""

from __future__ import annotations

from smppd.figures import LinkFigures


def for_so_long(seconds: float) -> str:
    """A length of time in its two largest units."""
    whole = max(int(seconds), 0)
    days, hours, minutes = whole // 86_400, whole // 3600 % 24, whole // 60 % 60
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {whole % 60} s" if minutes else f"{whole} s"


def so_fast(rate: float) -> str:
    """So many in a second."""
    return f"{rate:,.0f}" if rate >= 100 or not rate else f"{rate:.1f}"


def so_soon(bound: float | None) -> str:
    """A bound of `Histogram`: a latency."""
    if bound is None:
        return "no time"
    if bound == float("inf"):
        return "more than a minute"
    return f"{bound * 1000:g} ms" if bound < 1 else f"{bound:.3g} s"


def so_large(octets: int) -> str:
    """A size on disk."""
    size, unit = float(octets), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if size < 1024:
            break
        size, unit = size / 1024, larger
    return f"{size:,.0f} {unit}" if unit == "B" else f"{size:,.1f} {unit}"


def limit_of(link: LinkFigures) -> str:
    """What keeps a link from submitting more; empty when nobody knows."""
    explained = {
        "rate": f"rate: {link.rate:g} parts/s are configured",
        "window": "window: the SMSC's answers free it",
        "throttling": f"throttling: the SMSC takes no more; {link.limit:.3g} parts/s now",
        "congestion": f"congestion that the SMSC tells of; {link.limit:.3g} parts/s now",
        "latency": f"latency of the SMSC, which has grown; {link.limit:.3g} parts/s now",
        "journal": "journal: the disk, or this machine",
    }
    return explained.get(link.limited_by, link.limited_by)
