"""What all explorers compute takes less time here."""

from ..support.coarse import coarse_integrals

__all__ = ["coarse_integrals"]
