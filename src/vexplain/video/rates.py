"""Frame rates as fractions."""

from fractions import Fraction


def near_fraction(rate: float | Fraction, largest: int) -> Fraction:
    """Return a positive rate as a simple fraction that is never 0.

    Args:
        rate: Frames per second.
        largest: Of the denominator; of the numerator where the rate is below 1.
    """
    if rate >= 1:
        return Fraction(rate).limit_denominator(largest)
    return 1 / (1 / Fraction(rate)).limit_denominator(largest)
