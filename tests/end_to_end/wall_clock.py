"""Wall clocks that jump, one a host (wall_clock.c does it inside the node's process).

etcd is a Go program and asks the kernel past the C library, so its wall clock cannot be moved this way. It
decides nothing here: the lease uses no lease of etcd's, whose expiry would hang on etcd's clock.
"""

import pathlib
import shutil
import struct
import subprocess

from harness import FOLDER, Skipped

DAY = 86_400


def build_preload(folder: pathlib.Path) -> pathlib.Path:
    """Compiles it; Skipped without a C compiler."""
    if not shutil.which("cc"):
        raise Skipped("there is no C compiler cc here, and the wall clock's preload must be built")
    library = folder / "wall_clock.so"
    subprocess.run(["cc", "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o", str(library),
                    str(FOLDER / "wall_clock.c"), "-ldl"], check=True)
    return library


class WallClock:
    """That of the programs started by `launcher`."""

    def __init__(self, file: pathlib.Path, preload: pathlib.Path):
        self._file = file
        self.jumped = 0.0  # seconds, in all
        file.write_bytes(struct.pack("q", 0))
        self.launcher = ["env", f"LD_PRELOAD={preload}", f"WALL_CLOCK_JUMP={file}"]

    def jump(self, seconds: float) -> None:
        self.jumped += seconds
        with open(self._file, "r+b", buffering=0) as file:
            file.write(struct.pack("q", int(self.jumped * 1e6)))
