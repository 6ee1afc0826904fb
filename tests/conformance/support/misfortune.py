"""A disk below a process of the node that is full, read-only or broken for a while: the library of drill/faults."""

import shutil
import struct
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[3] / "drill" / "fault_injection" / "misfortune.c"


class Disk:
    def __init__(self, folder):
        compiler = shutil.which("cc")
        if compiler is None:
            pytest.skip("there is no C compiler here")
        self.page = folder / "misfortune"
        self.page.write_bytes(bytes(16))
        library = folder / "misfortune.so"
        subprocess.run([compiler, "-O2", "-shared", "-fPIC", "-o", library, SOURCE, "-ldl"], check=True)
        self.environment = {"LD_PRELOAD": str(library), "MISFORTUNE": str(self.page)}

    @contextmanager
    def fails(self, error):
        """Meanwhile every write comes to this error."""
        with open(self.page, "r+b", buffering=0) as page:
            page.write(struct.pack("<q", error))
            yield
            page.seek(0)
            page.write(struct.pack("<q", 0))
