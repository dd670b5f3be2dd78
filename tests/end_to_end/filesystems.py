"""Small file systems of a test's own: full disks and power cuts. Needs root and Linux; says Skipped else.

They are mounted in a private mount namespace of this process, so nothing is left behind when it ends.
"""

import ctypes
import errno
import fcntl
import os
import pathlib
import struct
import subprocess
import time

from harness import Skipped

CLONE_NEWNS = 0x20000
MS_REC_PRIVATE = 0x4000 | (1 << 18)
EXT4_IOC_SHUTDOWN = (2 << 30) | (4 << 16) | (ord("X") << 8) | 125
SHUTDOWN_WITHOUT_LOG_FLUSH = 2
_libc = ctypes.CDLL(None, use_errno=True)
_private = False


def run(*command: str) -> str:
    """What it says; Skipped when it fails."""
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        raise Skipped(f"{' '.join(command)}: {answer.stderr.strip()}")
    return answer.stdout


def make_mounts_private() -> None:
    """From now on this process and its children mount for themselves only."""
    global _private
    if _private:
        return
    if os.geteuid() != 0:
        raise Skipped("needs root to mount a small file system")
    if _libc.unshare(CLONE_NEWNS) or _libc.mount(b"none", b"/", None, MS_REC_PRIVATE, None):
        raise Skipped(f"no mount namespace: {os.strerror(ctypes.get_errno())}")
    _private = True


class SmallDisk:
    """A tmpfs with a size at `folder`, and a file on it that takes all its space. A context manager."""

    def __init__(self, folder: pathlib.Path, size: str):
        make_mounts_private()
        folder.mkdir(exist_ok=True, mode=0o700)
        run("mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "none", str(folder))
        self.folder = folder
        self.ballast = folder / "ballast"

    def __enter__(self) -> "SmallDisk":
        return self

    def __exit__(self, *_) -> None:
        subprocess.run(["umount", "-l", str(self.folder)], check=False)

    def fill(self) -> None:
        with open(self.ballast, "ab", buffering=0) as file:
            for size in (1 << 16, 4096):
                try:
                    while True:
                        file.write(b"x" * size)
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise

    def free(self) -> None:
        self.ballast.unlink()


class PowerDisk:
    """An ext4 on a loop device at `folder`, whose power can be cut. A context manager."""

    def __init__(self, folder: pathlib.Path, megabytes: int = 256):
        make_mounts_private()
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.image = folder.with_suffix(".image")
        with open(self.image, "wb") as file:
            file.truncate(megabytes << 20)
        run("mkfs.ext4", "-q", "-F", str(self.image))
        self.mount()

    def __enter__(self) -> "PowerDisk":
        return self

    def __exit__(self, *_) -> None:
        subprocess.run(["umount", "-l", str(self.folder)], check=False)

    def mount(self) -> None:
        run("mount", "-o", "loop", str(self.image), str(self.folder))

    def cut(self) -> None:
        """At once: nothing that is not on the device by now will ever be."""
        descriptor = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.ioctl(descriptor, EXT4_IOC_SHUTDOWN, struct.pack("I", SHUTDOWN_WITHOUT_LOG_FLUSH))
        except OSError as error:
            raise Skipped(f"EXT4_IOC_SHUTDOWN: {error}") from error
        finally:
            os.close(descriptor)

    def power_up(self) -> None:
        """Nobody may have a file open any more."""
        deadline = time.monotonic() + 10
        while subprocess.run(["umount", str(self.folder)], capture_output=True, check=False).returncode:
            if time.monotonic() > deadline:
                raise OSError(f"{self.folder} cannot be unmounted")
            time.sleep(0.02)
        self.mount()
