"""Every case by its name; see `making`."""

from . import agreements, changed, clean, destruction, exchanges, form, halves, keys, losses, order, records  # noqa: F401
from .making import CASES

__all__ = ["CASES"]
