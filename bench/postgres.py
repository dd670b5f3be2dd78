"""PostgreSQL with one synchronous standby, for the `sync_commit` benchmark: two clusters in the
scene's folder, on Unix sockets and loopback only, run by the user `postgres` (the server refuses
root), and ended with the scene. None of the machine's own clusters is touched.
"""

import os
import pathlib
import pwd
import re
import shutil
import subprocess
import tempfile

from nodes import die_with_parent, free_port
from stage import MeasurementFailed, wait_for

PROGRAMS = pathlib.Path("/usr/lib/postgresql/15/bin")
SETTINGS = """listen_addresses = '127.0.0.1'
unix_socket_directories = '{folder}'
port = {port}
wal_level = replica
max_wal_senders = 4
shared_buffers = 64MB
synchronous_commit = {commit}
synchronous_standby_names = '{names}'
"""
# What bench/workload.h writes: an integer key, an index on a random one, 100 bytes.
SCHEMA = """CREATE TABLE messages(id bigserial PRIMARY KEY, key bigint NOT NULL, body text NOT NULL);
CREATE INDEX messages_key ON messages(key)"""
INSERT = """\\set key random(1, 9000000000000000000)
INSERT INTO messages(key, body) VALUES(:key, repeat('the stage is dark ', 5) || '0123456789');
"""


def is_installed() -> bool:
    return (PROGRAMS / "pgbench").exists()


class Cluster:
    """A primary and, with `standby`, one that each commit waits for. A context manager."""

    def __init__(self, folder: pathlib.Path, standby: bool):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="pg-", dir=folder))
        self.standby = standby
        self.port = free_port()
        self.servers: list[subprocess.Popen] = []
        self.user = "postgres" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name

    def __enter__(self) -> "Cluster":
        self._reach_folder()
        primary = self.folder / "primary"
        self._run("initdb", "-D", str(primary), "-U", self.user, "--auth=trust", "--no-sync")
        self._configure(primary, self.port, "one" if self.standby else "")
        self._start(primary, self.port)
        if self.standby:
            copy = self.folder / "standby"
            # The copy must not wait for a standby that it is itself.
            self._run("pg_basebackup", "-h", str(self.folder), "-p", str(self.port), "-U", self.user,
                      "-D", str(copy), "-c", "fast", "-X", "stream", "-R", "--no-sync")
            self._configure(copy, self.port + 1, "", f"application_name=one host=127.0.0.1 "
                            f"port={self.port} user={self.user}")
            self._start(copy, self.port + 1)
            wait_for("PostgreSQL's standby is synchronous", lambda: "sync" in self.query(
                "SELECT sync_state FROM pg_stat_replication"), 60)
        self.query(SCHEMA)
        (self.folder / "insert.sql").write_text(INSERT)
        (self.folder / "insert.sql").chmod(0o644)
        return self

    def __exit__(self, *_) -> None:
        for server in reversed(self.servers):
            server.terminate()
        for server in self.servers:
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def commits_per_second(self, connections: int, seconds: int) -> float:
        text = self._run("pgbench", "-n", "-M", "prepared", "-h", str(self.folder), "-p",
                         str(self.port), "-U", self.user, "-c", str(connections), "-j",
                         str(min(connections, 2)), "-T", str(seconds), "-f",
                         str(self.folder / "insert.sql"), "postgres")
        return float(re.search(r"tps = ([\d.]+)", text).group(1))

    def query(self, sql: str) -> str:
        return self._run("psql", "-h", str(self.folder), "-p", str(self.port), "-U", self.user, "-tAc",
                         sql, "postgres")

    def _configure(self, data: pathlib.Path, port: int, names: str, source: str = "") -> None:
        text = SETTINGS.format(folder=self.folder, port=port, names=names, commit="on")
        if source:
            text += f"primary_conninfo = '{source}'\n"
        with open(data / "postgresql.auto.conf", "a", encoding="utf-8") as settings:
            settings.write(text)

    def _start(self, data: pathlib.Path, port: int) -> None:
        with open(self.folder / f"{data.name}.log", "ab") as log:
            self.servers.append(subprocess.Popen(
                [PROGRAMS / "postgres", "-D", str(data)], stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, preexec_fn=self._become))
        wait_for("PostgreSQL answers", lambda: self._try("pg_isready", "-h", str(self.folder), "-p",
                                                         str(port)), 60)

    def _become(self) -> None:
        if os.getuid() == 0:
            account = pwd.getpwnam(self.user)
            os.setgroups([])
            os.setgid(account.pw_gid)
            os.setuid(account.pw_uid)
        die_with_parent()

    def _reach_folder(self) -> None:
        """The other user must get there, and own what it writes."""
        if os.getuid() != 0:
            return
        shutil.chown(self.folder, self.user)
        for above in self.folder.parents:  # mkdtemp made them for us alone
            if above.name.startswith(("scene-", "run-")):
                above.chmod(0o711)

    def _try(self, program: str, *arguments: str) -> bool:
        return subprocess.run([PROGRAMS / program, *arguments], capture_output=True, check=False,
                              preexec_fn=self._become, cwd="/").returncode == 0

    def _run(self, program: str, *arguments: str) -> str:
        done = subprocess.run([PROGRAMS / program, *arguments], capture_output=True, text=True,
                              check=False, preexec_fn=self._become, cwd="/")
        if done.returncode != 0:
            raise MeasurementFailed(f"{program}: {done.stderr.strip()[-500:]}")
        return done.stdout
