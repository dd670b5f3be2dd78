"""Proves that databases are equal, with the `sqlite3` program and plain bytes: no code of ours.

Nobody may write meanwhile; the nodes run on, once they have come to rest. All is read as any reader
would see it. A copy of database and WAL would not do: SQLite (3.40) at times commits frames without a
checksum after a large transaction was rolled back to a savepoint; live readers see them, by the
wal-index, but a copy, recovered from its WAL alone, ends before them.
"""

import hashlib
import pathlib
import subprocess
import tempfile
from typing import NamedTuple


class Proof(NamedTuple):
    """What there is to compare of one database."""
    integrity: str     # answer of PRAGMA integrity_check
    content_sum: str   # .sha3sum: of all rows and the schema
    file_sum: str      # SHA-256 of all pages, as SQLite's backup copies them, and the schema cookie
    file_bytes: int


def run_sqlite(database: pathlib.Path, *commands: str, timeout: float = 120) -> str:
    answer = subprocess.run(["sqlite3", "-batch", "-bail", str(database), *commands],
                            capture_output=True, text=True, timeout=timeout, check=False)
    if answer.returncode != 0:
        raise RuntimeError(f"sqlite3 {database.name} {commands}: {answer.stderr.strip()}")
    return answer.stdout.strip()


def copy_by_backup(database: pathlib.Path, folder: pathlib.Path) -> pathlib.Path:
    """Copies all pages; SQLite itself then changes the counters and the schema cookie in the header."""
    copy = folder / database.name
    run_sqlite(database, ".timeout 10000", f".backup '{copy}'")
    return copy


def prove(database: pathlib.Path) -> Proof:
    with tempfile.TemporaryDirectory(dir=database.parent, prefix="proof-") as folder:
        content = copy_by_backup(database, pathlib.Path(folder)).read_bytes()
    integrity, cookie = (run_sqlite(database, f"PRAGMA {name}") for name in ("integrity_check", "schema_version"))
    file_sum = hashlib.sha256(content + cookie.encode()).hexdigest()
    return Proof(integrity, run_sqlite(database, ".sha3sum"), file_sum, len(content))


def differences(proofs: dict[str, Proof]) -> list[str]:
    """In words, what is not equal among the databases, or not in order; empty: all are equal."""
    found = [f"{name}: integrity_check says {proof.integrity}"
             for name, proof in proofs.items() if proof.integrity != "ok"]
    first_name, first = next(iter(proofs.items()))
    for name, proof in proofs.items():
        if proof.content_sum != first.content_sum:
            found.append(f"{name}: other rows than {first_name}")
        if proof.file_sum != first.file_sum:
            found.append(f"{name}: other bytes than {first_name} "
                         f"({proof.file_bytes} and {first.file_bytes} bytes)")
    return found
