"""The application is linked with another SQLite than we are. The library comes from
UNDERSTUDY_OTHER_SQLITE (paths of shared libraries, parted by colons), or is SQLCipher's (package
libsqlcipher0, which is SQLite 3.15), and is preloaded into the application only.
"""

import ctypes
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from harness import (Cluster, NODE_FAULTS, Skipped, count, let_run, rounds,  # noqa: E402
                     run_scenarios)

OURS = ctypes.CDLL("libsqlite3.so.0")
OURS.sqlite3_libversion.restype = ctypes.c_char_p
ASK_VERSION = "import sqlite3; print(sqlite3.sqlite_version)"


def other_libraries() -> dict[str, str]:
    """Version → path, of those that Python's sqlite3 module works with."""
    found = {}
    for path in [*filter(None, os.environ.get("UNDERSTUDY_OTHER_SQLITE", "").split(":")),
                 *map(str, pathlib.Path("/usr/lib").glob("*/libsqlcipher.so.0"))]:
        answer = subprocess.run([sys.executable, "-c", ASK_VERSION], capture_output=True, text=True,
                                env={**os.environ, "LD_PRELOAD": path}, check=False)
        if answer.returncode == 0 and answer.stdout.strip() != OURS.sqlite3_libversion().decode():
            found[answer.stdout.strip()] = path
    return found


def another_version_writes(program, chance):
    libraries = other_libraries()
    if not libraries:
        raise Skipped("no other SQLite here: install libsqlcipher0, or set UNDERSTUDY_OTHER_SQLITE")
    for version, path in libraries.items():
        print(f"application with SQLite {version}", flush=True)
        with Cluster(program) as cluster:
            cluster.create_bank()
            publisher = cluster.publish()
            standby = cluster.subscribe("standby", publisher)
            cluster.wait_for_catch_up(standby)
            preload = {"LD_PRELOAD": path}
            reader = cluster.run_program("bank.py", "read", str(standby.database), environment=preload)
            writer = cluster.run_program("bank.py", "write", str(cluster.database), "--writers", "2",
                                         "--timeout", "10", "--rate", "300", environment=preload)
            for _ in range(rounds(3, 30)):
                let_run(chance, 0.2, 1)
                chance.choice(NODE_FAULTS)(chance.choice([publisher, standby]))
            count("transactions by another SQLite version", writer.finish()["committed"])
            cluster.run_program("checkpoints.py", str(cluster.database), "--seed", str(chance.getrandbits(31)),
                                "--timeout", "10000", "--rounds", "40", environment=preload).wait()
            cluster.expect_equal(standby)
            count("snapshots checked on standbys", reader.finish()["reads"])


if __name__ == "__main__":
    run_scenarios(another_version_writes)
