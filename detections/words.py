"""Words and numbers for evidence: the same input gives the same text everywhere."""

from __future__ import annotations

from datetime import UTC, datetime


def rfc3339(at_us: int) -> str:
    """UTC time as text, with a fraction only where there is one.

    >>> rfc3339(0), rfc3339(1_500_000)
    ('1970-01-01T00:00:00Z', '1970-01-01T00:00:01.500000Z')
    """
    text = datetime.fromtimestamp(at_us // 1_000_000, UTC).isoformat()[:19]  # a third of `strftime`'s time
    fraction = at_us % 1_000_000
    return f"{text}.{fraction:06d}Z" if fraction else f"{text}Z"


def rounded(value: float, digits: int = 3) -> float:
    """To so many significant digits: evidence must not hang on a library's last bit.

    >>> rounded(1234.5678), rounded(0.00012345), rounded(0)
    (1230.0, 0.000123, 0.0)
    """
    return float(f"{value:.{digits}g}")


def counted(number: int, one: str, many: str = "") -> str:
    """A number with its noun.

    >>> counted(1, "alert"), counted(1_200, "alert"), counted(2, "entity", "entities")
    ('1 alert', '1,200 alerts', '2 entities')
    """
    return f"{number:,} {one if number == 1 else many or one + 's'}"


class Count(int):
    """A number in a template, which may say the noun with it: `{sites:site|sites}`.

    >>> "{0:site|sites}, {1:site|sites}, {1}".format(Count(1), Count(2_000))
    '1 site, 2000 sites, 2000'
    """

    def __format__(self, spec: str) -> str:
        one, bar, many = spec.partition("|")
        return f"{int(self)} {one if self == 1 else many}" if bar else format(int(self), spec)


def odds(improbability: float | None) -> str:
    """'about 1 in 10,000', for people.

    >>> odds(0.0001), odds(0.3), odds(1e-12)
    ('about 1 in 10,000', 'about 1 in 3', 'less than 1 in 1,000,000,000')
    """
    if improbability is None:
        return "not a matter of chance: a rule"
    if improbability < 1e-9:
        return "less than 1 in 1,000,000,000"
    return f"about 1 in {rounded(1 / improbability, 1):,.0f}"
