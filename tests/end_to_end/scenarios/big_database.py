"""A database over 1 GiB (it has a lock-byte page, which is no page of data) and one transaction of 300
MiB: the standby becomes equal, and neither process ever takes more memory than 64 MiB and 8 bytes a
page. Takes minutes and 6 GiB of disk, so it runs only with --long.
"""

import pathlib
import re
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from harness import Cluster, Skipped, count, expect, rounds, run_scenarios  # noqa: E402

MIB = 1 << 20
PAGE_SIZE = 4096
ROW_BYTES = 1 * MIB
ROWS = 1100
ROWS_OF_LARGE_TRANSACTION = 300
FIXED_LIMIT = 64 * MIB
INSERT_ROWS = """
WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r WHERE i < {rows})
INSERT INTO journal(n, attachment) SELECT (SELECT n FROM tick) + i, randomblob({bytes}) FROM r;
UPDATE tick SET n = n + {rows};
"""


class MemoryWatch:
    """The most anonymous memory that each process had, sampled by a thread."""

    def __init__(self, *nodes):
        self.nodes = nodes
        self.most = dict.fromkeys((node.name for node in nodes), 0)
        self.samples = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._ended.wait(0.02):
            for node in self.nodes:
                try:
                    status = pathlib.Path(f"/proc/{node.pid}/status").read_text()
                except OSError:
                    continue
                found = re.search(r"RssAnon:\s+(\d+) kB", status)
                if found:
                    self.samples += 1
                    self.most[node.name] = max(self.most[node.name], int(found.group(1)) * 1024)

    def expect_at_most(self, limit: int, when: str) -> None:
        print(f"{when}: " + ", ".join(f"{name} {most / MIB:.0f} MiB" for name, most in self.most.items())
              + f"; limit {limit / MIB:.0f} MiB", flush=True)
        expect(self.samples > 0, "no memory was measured")
        for name, most in self.most.items():
            expect(most <= limit, f"{when}: {name} took {most} bytes, {limit} are promised")

    def end(self) -> None:
        self._ended.set()
        self._thread.join()


def over_one_gibibyte(program, chance):
    if rounds(0, 1) == 0:
        raise Skipped("minutes long; run with --long")
    with Cluster(program) as cluster:
        cluster.create_bank(PAGE_SIZE)
        for _ in range(ROWS // 100):
            cluster.execute(INSERT_ROWS.format(rows=100, bytes=ROW_BYTES))
        publisher = cluster.publish()
        publisher.wait_for_state("publishing", timeout=120)
        standby = cluster.subscribe("standby", publisher)
        memory = MemoryWatch(publisher, standby)
        try:
            standby.wait_for_state("streaming", timeout=300)
            pages = int(cluster.execute("PRAGMA page_count"))
            expect(pages * PAGE_SIZE > 1 << 30, f"only {pages} pages: no lock-byte page")
            memory.expect_at_most(FIXED_LIMIT + 8 * pages, "first copy")
            cluster.execute("BEGIN;" + INSERT_ROWS.format(rows=ROWS_OF_LARGE_TRANSACTION, bytes=ROW_BYTES)
                            + "COMMIT;")
            cluster.wait_for_catch_up(standby, timeout=300)
            pages += ROWS_OF_LARGE_TRANSACTION * ROW_BYTES // PAGE_SIZE
            memory.expect_at_most(FIXED_LIMIT + 8 * pages, "transaction of 300 MiB")
            cluster.execute("DELETE FROM journal WHERE n % 3 = 1 AND n < (SELECT n FROM tick); VACUUM",)
            cluster.wait_for_catch_up(standby, timeout=300)
            memory.expect_at_most(FIXED_LIMIT + 8 * pages, "VACUUM")
            cluster.expect_equal(standby, timeout=300)
        finally:
            memory.end()
        count("databases over 1 GiB", 1)


if __name__ == "__main__":
    run_scenarios(over_one_gibibyte)
