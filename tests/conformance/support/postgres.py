"""The PostgreSQL of the tests, where there is one."""

import contextlib
import os
import shutil
import subprocess
import uuid
from pathlib import Path

SERVER = os.environ.get("VERBOND_TEST_POSTGRES")


def psql():
    servers = sorted(Path("/usr/lib/postgresql").glob("*/bin/psql"))
    return shutil.which("psql") or (str(servers[-1]) if servers else None)


IS_MISSING = not (SERVER and psql())
REASON = "no PostgreSQL for tests (VERBOND_TEST_POSTGRES)"


@contextlib.contextmanager
def empty_database():
    """The address of an empty database, which is dropped in the end."""
    name = f"test_{uuid.uuid4().hex}"

    def do(statement):
        subprocess.run([psql(), SERVER, "-qc", statement], check=True, capture_output=True)

    do(f"CREATE DATABASE {name}")
    try:
        yield SERVER.rsplit("/", 1)[0] + f"/{name}"
    finally:
        do(f"DROP DATABASE {name} WITH (FORCE)")
