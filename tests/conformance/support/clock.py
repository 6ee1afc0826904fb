"""A clock that is off: Debian's libfaketime, laid under a process of the node."""

from pathlib import Path

import pytest

PLACES = ("/usr/lib", "/usr/lib64", "/usr/local/lib")


def _library():
    for place in PLACES:
        for found in sorted(Path(place).glob("**/libfaketimeMT.so.1")):
            return str(found)
    return None


def shifted(seconds):
    """The environment in which a program's clock is off by so many seconds; elapsed time is left as it is."""
    library = _library()
    if library is None:
        pytest.skip("libfaketime is missing: install it with scripts/install-tools (Debian package faketime)")
    return {"LD_PRELOAD": library, "FAKETIME": f"{seconds:+d}", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
