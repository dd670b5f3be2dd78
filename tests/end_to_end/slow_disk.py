"""A disk of one host that can be slow, or answer nothing for a while: an ext4 of its own on a loop
device, which is frozen and thawed (the ioctls of fsfreeze). Needs root and Linux; says Skipped else.

Whoever writes to a frozen file system cannot even be killed until it is thawed. So a guard, a process of
its own that outlives the test, thaws it should the test be killed meanwhile.
"""

import fcntl
import os
import pathlib
import shutil
import signal
import subprocess
import threading

from filesystems import PowerDisk
from harness import Skipped

FIFREEZE, FITHAW = 0xC0045877, 0xC0045878
SLOW = 0.08    # seconds that a write may wait for on a slow disk
BRIEF = 0.02   # seconds between, in which it goes on
GUARD = 2.0    # seconds longer than meant


class SlowDisk(PowerDisk):
    """thaw() before anybody who may be writing is killed and waited for. Faults and thaw() in one thread,
    or under one lock."""

    def __init__(self, folder: pathlib.Path):
        if not shutil.which("fsfreeze"):
            raise Skipped("there is no program fsfreeze here (Debian: util-linux)")
        self._spell: threading.Thread | None = None
        self._is_over, self._is_frozen = threading.Event(), threading.Event()
        super().__init__(folder, 512)  # each member of etcd lays out two files of 64 MB

    def __exit__(self, *_) -> None:
        self.thaw()
        super().__exit__()

    def freeze(self, seconds: float) -> bool:
        """From now on no write, and no fsync, returns for so long. False: it is in trouble already."""
        return self._begin([seconds])

    def be_slow(self, seconds: float) -> bool:
        """For so long each fsync takes up to some tenths of a second."""
        return self._begin([SLOW] * round(seconds / (SLOW + BRIEF)))

    def thaw(self) -> None:
        if self._spell:
            self._is_over.set()
            self._spell.join()
            self._spell = None

    def _begin(self, spells: list[float]) -> bool:
        if self._spell and self._spell.is_alive():
            return False
        self._is_over.clear()
        self._is_frozen.clear()
        self._spell = threading.Thread(target=self._play, args=(spells,), name=f"freezer {self.folder.name}")
        self._spell.start()
        return self._is_frozen.wait(GUARD)

    def _play(self, spells: list[float]) -> None:
        limit = sum(spells) + len(spells) * BRIEF + GUARD
        guard = subprocess.Popen(["sh", "-c", f'sleep {limit:.1f}; fsfreeze -u "$1"', "guard", str(self.folder)],
                                 stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                 start_new_session=True)
        descriptor = os.open(self.folder, os.O_RDONLY)
        try:
            for seconds in spells:
                fcntl.ioctl(descriptor, FIFREEZE, 0)
                self._is_frozen.set()
                try:
                    self._is_over.wait(seconds)
                finally:
                    fcntl.ioctl(descriptor, FITHAW, 0)
                if self._is_over.wait(BRIEF):
                    return
        finally:
            os.close(descriptor)
            os.killpg(guard.pid, signal.SIGKILL)
            guard.wait()
