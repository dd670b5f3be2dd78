"""Proves that databases are equal, with the `sqlite3` program and plain bytes: no code of ours.

Works on copies (database and WAL), so the originals are neither opened nor checkpointed. Nobody may
write to them meanwhile; standbys may run on, once they have come to rest.
"""

import hashlib
import pathlib
import shutil
import subprocess
import tempfile
from typing import NamedTuple


class Proof(NamedTuple):
    """What there is to compare of one database."""
    integrity: str     # answer of PRAGMA integrity_check
    content_sum: str   # .sha3sum: of all rows and the schema
    file_sum: str      # SHA-256 of the file, everything moved in from the WAL
    file_bytes: int


def run_sqlite(database: pathlib.Path, *commands: str, timeout: float = 120) -> str:
    answer = subprocess.run(["sqlite3", "-batch", "-bail", str(database), *commands],
                            capture_output=True, text=True, timeout=timeout, check=False)
    if answer.returncode != 0:
        raise RuntimeError(f"sqlite3 {database.name} {commands}: {answer.stderr.strip()}")
    return answer.stdout.strip()


def copy_with_wal(database: pathlib.Path, folder: pathlib.Path) -> pathlib.Path:
    """Copies database and WAL (not the -shm: SQLite rebuilds it) into `folder`."""
    copy = folder / database.name
    shutil.copyfile(database, copy)
    wal = pathlib.Path(f"{database}-wal")
    if wal.exists():
        shutil.copyfile(wal, f"{copy}-wal")
    return copy


def prove(database: pathlib.Path) -> Proof:
    with tempfile.TemporaryDirectory(dir=database.parent, prefix="proof-") as folder:
        copy = copy_with_wal(database, pathlib.Path(folder))
        integrity = run_sqlite(copy, "PRAGMA integrity_check")
        content_sum = run_sqlite(copy, ".sha3sum")
        run_sqlite(copy, "PRAGMA wal_checkpoint(TRUNCATE)")
        content = copy.read_bytes()
        return Proof(integrity, content_sum, hashlib.sha256(content).hexdigest(), len(content))


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
