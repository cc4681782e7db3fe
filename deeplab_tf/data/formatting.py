"""Formats shares and metrics for people and for JSON."""

from __future__ import annotations

import math


def percent(share: float | None, digits: int = 2, absent: str = "-") -> str:
    """Formats a share or metric in per cent, without the sign.

    Args:
        share: 0..1; None or NaN where there is none.
        digits: behind the point.
        absent: what stands for none.

    Example:
        >>> percent(0.12345), percent(0.5, digits=0), percent(None), percent(float("nan"))
        ('12.35', '50', '-', '-')
    """
    return absent if share is None or math.isnan(share) else f"{100 * share:.{digits}f}"


def or_none(value: float | None) -> float | None:
    """Returns a number as JSON holds it: None for NaN, which JSON does not have.

    Example:
        >>> or_none(0.5), or_none(float("nan")), or_none(None)
        (0.5, None, None)
    """
    return None if value is None or math.isnan(value) else float(value)
