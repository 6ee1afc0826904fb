"""Every case by its name; see `making`."""

from . import advice, agreements, changed, clean, destruction, exchanges, form, halves, keys, losses, one_exchange, order, periods, records, revocation, statements  # noqa: F401
from .making import CASES

__all__ = ["CASES"]
