"""`understudy doctor` on systems that are well and on ones that were broken on purpose: it names what is wrong,
says what to do, changes nothing and disturbs nobody.
"""

import json
import os
import pathlib
import shutil
import socket
import sqlite3
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from cluster import Peers  # noqa: E402
from harness import Cluster, Skipped, count, expect, free_port, rounds, run_scenarios, wait_until  # noqa: E402
from keyring import with_keys  # noqa: E402


def examine(program: str, *arguments: str, environment: dict | None = None) -> tuple[int, list[dict]]:
    answer = subprocess.run([program, "doctor", *map(str, arguments), "--json"], capture_output=True,
                            text=True, timeout=60, check=False, env={**os.environ, **(environment or {})})
    expect(answer.returncode in (0, 1), f"doctor: exit code {answer.returncode}: {answer.stderr}")
    document = json.loads(answer.stdout)
    expect(document["ok"] == (answer.returncode == 0), "exit code and JSON say different things")
    return answer.returncode, [finding for node in document["nodes"] for finding in node["findings"]]


def expect_finding(findings: list[dict], mark: str, words: str) -> None:
    found = [each for each in findings if each["mark"] == mark and words in each["text"]]
    expect(found, f"no {mark} with '{words}' in {findings}")
    expect(mark == "ok" or all(each["advice"] for each in found), f"no advice: {found}")


def problems(findings: list[dict]) -> list[str]:
    return [finding["text"] for finding in findings if finding["mark"] == "problem"]


def files_of(folder: pathlib.Path) -> dict:
    return {path: (path.stat().st_size, path.stat().st_mtime_ns, path.stat().st_mode)
            for path in sorted(folder.rglob("*")) if not path.name.endswith(("-shm", "-wal", ".log"))}


def create(path: pathlib.Path, mode: str = "WAL") -> pathlib.Path:
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA journal_mode={mode}")
    connection.execute("CREATE TABLE t(a)")
    connection.commit()
    connection.close()
    return path


def a_healthy_pair(program, chance):
    """Beside running nodes and a writer without a busy timeout: no problem, and nobody notices."""
    with Cluster(program) as cluster:
        cluster.create_bank()
        publisher = cluster.publish()
        standby = cluster.subscribe("standby", publisher)
        standby.wait_for_state("streaming")
        writer = cluster.write()
        for _ in range(rounds(3, 30)):
            for node, peer in ((publisher, standby), (standby, publisher)):
                code, findings = examine(program, node.database, "--peers", peer.address)
                expect(code == 0, f"{node.name}: {problems(findings)}")
                expect_finding(findings, "ok", "runs as pid")
                expect_finding(findings, "ok", "the node listens on")
                expect_finding(findings, "ok", "can be reached, both ports")
                expect_finding(findings, "note", "WAL-reset bug")
        writer.finish()
        cluster.expect_equal(standby)
        count("looks of the doctor beside running nodes", 2 * rounds(3, 30))


def before_the_first_start(program, chance):
    with Cluster(program) as cluster:
        database = create(cluster.folder / "app.db")
        before = files_of(cluster.folder)
        code, findings = examine(program, database, "--listen", f"tcp://127.0.0.1:{free_port()}")
        expect(code == 0, f"{problems(findings)}")
        expect_finding(findings, "ok", "is in WAL mode")
        expect_finding(findings, "note", "no node runs")
        expect(files_of(cluster.folder) == before, "the doctor changed a file")


def what_is_wrong_with_a_database(program, chance):
    with Cluster(program) as cluster:
        folder = cluster.folder
        expect_finding(examine(program, folder / "none.db")[1], "problem", "there is no")
        (folder / "text.db").write_text("not a database, but long enough to be looked at\n" * 10)
        expect_finding(examine(program, folder / "text.db")[1], "problem", "no SQLite database")
        expect_finding(examine(program, create(folder / "old.db", "DELETE"))[1], "problem", "not in WAL mode")
        exclusive = sqlite3.connect(create(folder / "exclusive.db"), isolation_level=None)
        exclusive.execute("PRAGMA locking_mode=EXCLUSIVE")
        exclusive.execute("INSERT INTO t VALUES (1)")
        _, findings = examine(program, folder / "exclusive.db")
        expect_finding(findings, "problem", f"process {os.getpid()} holds it in locking mode EXCLUSIVE")
        exclusive.close()


def who_holds_transactions_open(program, chance):
    with Cluster(program) as cluster:
        database = create(cluster.folder / "app.db")
        reader = sqlite3.connect(database, isolation_level=None)
        writer = sqlite3.connect(database, isolation_level=None)
        writer.execute("INSERT INTO t VALUES (1)")
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM t").fetchone()
        for _ in range(20):
            writer.execute("INSERT INTO t VALUES (randomblob(5000))")
        _, findings = examine(program, database)
        expect_finding(findings, "warning", f"process {os.getpid()} keeps reading a state of")
        writer.execute("BEGIN IMMEDIATE")
        _, findings = examine(program, database)
        expect_finding(findings, "warning", f"process {os.getpid()} holds a write transaction open")
        writer.execute("COMMIT")
        reader.execute("COMMIT")
        _, findings = examine(program, database)
        expect(not [each for each in findings if each["subject"] == "WAL" and each["mark"] != "ok"],
               f"still held: {findings}")


def ports_and_peers(program, chance):
    with Cluster(program) as cluster:
        database = create(cluster.folder / "app.db")
        port, other = free_port(), free_port()
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", port + 1))
            taken.listen()
            _, findings = examine(program, database, "--listen", f"tcp://127.0.0.1:{port}", "--peers",
                                  f"tcp://127.0.0.1:{other}")
            expect_finding(findings, "ok", f"port {port} is free")
            expect_finding(findings, "problem", f"port {port + 1} is taken")
            expect_finding(findings, "warning", f"tcp://127.0.0.1:{other} cannot be reached")
            # One of two ports: what a firewall does that knows of one.
            _, findings = examine(program, database, "--peers", f"tcp://127.0.0.1:{port}")
            expect_finding(findings, "problem", "only one of its two ports")


def handshakes(program, chance):
    """Keys that are right, wrong, unknown, on one side only, without a right; and clocks that differ."""
    with Peers(program, "a", "b") as peers:
        ring = with_keys(peers)
        ring.make("reader", ("command",))
        ring.write_peers()
        peers.start(own=lambda node: ring.options(node.name))
        a, b = peers["a"].database, peers["b"].address
        def look(name: str, *more: str, environment: dict | None = None) -> list[dict]:
            return examine(program, a, "--peers", b, *ring.options(name), *more, environment=environment)[1]
        right = f"{b} lets this node in, and has the right key"
        expect_finding(look("a"), "ok", right)
        expect_finding(look("a"), "ok", f"the clock of {b} is 0.")
        expect_finding(look("reader"), "warning", f"{b} does not let this node follow")
        # Unknown there: a key that was made anew, and nobody was told.
        ring.make("stranger", ())
        stranger = look("stranger")
        expect_finding(stranger, "problem", f"{b} refuses this node's key")
        expect(any(ring.public("stranger") in each["advice"] for each in stranger), f"not which key: {stranger}")
        # Another key there than the list here says.
        own_list = ring.peers_path
        ring.peers_path = peers.folder / "mistaken.toml"
        ring.peers_path.write_text(own_list.read_text().replace(ring.public("b"), ring.public("stranger")))
        expect_finding(look("a"), "problem", f"{b} has another key than --peer-keys say")
        ring.peers_path.write_text(own_list.read_text().replace(b, "tcp://127.0.0.1:1"))
        expect_finding(look("a"), "problem", f"{b}: no entry of --peer-keys has this endpoint")
        ring.peers_path.write_text("[[peer]]\nname = 1\n")
        expect_finding(look("a"), "problem", "mistaken.toml")
        ring.peers_path = own_list
        expect_finding(examine(program, a, "--peers", b)[1], "problem", f"{b} demands keys")
        shim = clock_shim(peers.folder)
        if shim:
            wrong = look("a", environment={"LD_PRELOAD": str(shim)})
            expect_finding(wrong, "warning", "the clock is not kept right by NTP")
            expect_finding(wrong, "warning", f"the clock of {b} is 90.")
            expect(any("behind" in each["text"] for each in wrong), f"{wrong}")
            count("clocks that differ, told by the doctor", 1)
        peers["b"].stop()
        expect_finding(look("a"), "warning", f"{b} cannot be reached")
        with socket.socket() as live, socket.socket() as requests:
            for each, port in ((live, peers["b"].port), (requests, peers["b"].port + 1)):
                each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                each.bind(("127.0.0.1", port))
                each.listen()
            expect_finding(look("a"), "warning", f"{b} can be reached, and no handshake ends")
        config = peers.folder / "b.toml"
        config.write_text(f'[[database]]\npath = "{peers["b"].database}"\nrole = "subscribe"\nnode = "b"\n'
                          f'from = "{peers["a"].address}"\nkey-file = "{ring.key_path("b")}"\n'
                          f'peer-keys = "{ring.peers_path}"\n')
        expect_finding(examine(program, "--config", config)[1], "ok",
                       f"{peers['a'].address} lets this node in, and has the right key")
        expect(not peers.unexpected_errors(), peers.unexpected_errors())
        count("handshakes judged by the doctor", 10)


def clock_shim(folder: pathlib.Path) -> pathlib.Path | None:
    """For one process: a clock that is 90 s ahead, and of which the kernel says that nobody keeps it right."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if not compiler:
        return None
    source, shim = folder / "clock.c", folder / "clock.so"
    source.write_text(r"""
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>
int clock_gettime(clockid_t clock, struct timespec* time) {
  long code = syscall(SYS_clock_gettime, clock, time);
  if (code == 0 && clock == CLOCK_REALTIME) time->tv_sec += 90;
  return (int)code;
}
int adjtimex(struct timex* clock) { clock->status = STA_UNSYNC; return TIME_ERROR; }
""")
    subprocess.run([compiler, "-shared", "-fPIC", "-o", str(shim), str(source)], check=True)
    return shim


def files_and_rights(program, chance):
    with Cluster(program) as cluster:
        database = create(cluster.folder / "app.db")
        pathlib.Path(f"{database}-understudy").mkdir(mode=0o700)
        (pathlib.Path(f"{database}-understudy") / "node.json").write_text("{ damaged")
        expect_finding(examine(program, database)[1], "problem", "node.json")
        other = create(cluster.folder / "other.db")
        config = cluster.folder / "understudy.toml"
        config.write_text(f'[[database]]\npath = "{other}"\nrole = "publish"\n'
                          f'listen = "tcp://127.0.0.1:{free_port()}"\n'
                          f'peers = "tcp://127.0.0.1:{free_port()}"\n')
        code, findings = examine(program, "--config", config)
        expect(code == 0, f"{problems(findings)}")
        expect_finding(findings, "warning", "cannot be reached")
        config.write_text(config.read_text() + f'archive = "{cluster.folder}/away"\n')
        expect_finding(examine(program, "--config", config)[1], "problem", "away for the archive")
        if os.geteuid() != 0:
            return
        # As a user who may do nothing there.
        cluster.folder.chmod(0o755)
        answer = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", program,
                                 "doctor", str(other), "--json"], capture_output=True, text=True,
                                timeout=60, check=False)
        expect(answer.returncode == 1, f"exit code {answer.returncode}: {answer.stderr}")
        expect_finding(json.loads(answer.stdout)["nodes"][0]["findings"], "problem", "may not write into")


def disks(program, chance):
    """A disk that is nearly full, and one that is mounted read-only."""
    if os.geteuid() != 0:
        raise Skipped("mounting needs root")
    with Cluster(program) as cluster:
        image, mount = cluster.folder / "disk.img", cluster.folder / "disk"
        mount.mkdir()
        with open(image, "wb") as file:
            file.truncate(32 << 20)
        subprocess.run(["mkfs.ext4", "-q", "-m", "0", str(image)], check=True)
        if subprocess.run(["mount", "-o", "loop", str(image), str(mount)], capture_output=True).returncode:
            raise Skipped("no loop device here")
        try:
            database = create(mount / "app.db")
            _, findings = examine(program, database)
            expect_finding(findings, "problem", "may be needed")
            code, findings = examine(program, database, "--keep-bytes", "1MiB", "--wal-limit", "1MiB")
            expect(code == 0, f"{problems(findings)}")
            subprocess.run(["mount", "-o", "remount,ro", str(mount)], check=True)
            _, findings = examine(program, database, "--keep-bytes", "1MiB", "--wal-limit", "1MiB")
            expect_finding(findings, "problem", "read-only file system")
        finally:
            subprocess.run(["umount", str(mount)], check=True)


def for_people(program, chance):
    """The text: a line a look, and beneath it what to do."""
    with Cluster(program) as cluster:
        database = create(cluster.folder / "old.db", "DELETE")
        answer = subprocess.run([program, "doctor", str(database)], capture_output=True, text=True,
                                timeout=60, check=False)
        expect(answer.returncode == 1, f"exit code {answer.returncode}")
        lines = answer.stdout.splitlines()
        expect(lines[0] == str(database) and "\033" not in answer.stdout, answer.stdout)
        wrong = next(i for i, line in enumerate(lines) if line.startswith("  problem  database"))
        expect("-> PRAGMA journal_mode=WAL" in lines[wrong + 1], answer.stdout)


if __name__ == "__main__":
    run_scenarios(a_healthy_pair, before_the_first_start, what_is_wrong_with_a_database,
                  who_holds_transactions_open, ports_and_peers, handshakes, files_and_rights, disks, for_people)
