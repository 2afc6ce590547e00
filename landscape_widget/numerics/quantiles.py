"""Quantiles of distributions that intervals rest on."""


def student95(freedom: int) -> float:
    """Standard errors in half of a 95 % interval, by Student's t of so many degrees of freedom."""
    from scipy.special import stdtrit  # noqa: PLC0415 - scipy is slow to import

    return float(stdtrit(freedom, 0.975))
