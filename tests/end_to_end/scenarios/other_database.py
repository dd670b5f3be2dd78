"""A database that belongs to something else is refused and left untouched: a standby's path that
holds an application's database, and a standby pointed at the publisher of another stream.
"""

import hashlib
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from harness import Cluster, bank, count, expect, run_scenarios, wait_until  # noqa: E402


def fingerprint(folder, prefix):
    """Names and contents of all files of one database and its state directory, but for logs."""
    files = sorted(path for path in folder.rglob("*") if path.is_file()
                   and path.relative_to(folder).parts[0].startswith(prefix)
                   and path.suffix not in (".log", ".sock") and path.name != "lock" and not path.name.endswith("-shm"))
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def expect_refusal(node, words):
    wait_until(f"{node.name} refuses", lambda: not node.is_running(), 30)
    expect(node.exit_code not in (0, None) and node.exit_code > 0, f"exit code {node.exit_code}")
    text = node.log_text()
    expect(any(word in text for word in words), f"the refusal does not say why: {text[-500:]}")


def foreign_database_on_the_standby(program, chance):
    with Cluster(program) as cluster:
        cluster.create_bank()
        publisher = cluster.publish()
        publisher.wait_for_state("publishing")
        foreign = cluster.folder / "standby.db"
        bank.create(str(foreign))
        before = fingerprint(cluster.folder, "standby.db")
        node = cluster.subscribe("standby", publisher)
        expect_refusal(node, ("standby.db",))
        expect(fingerprint(cluster.folder, "standby.db") == before, "a refused database was changed")
        count("refusals", 1)


def standby_of_another_stream(program, chance):
    with Cluster(program) as cluster, Cluster(program) as others:
        for each in (cluster, others):
            each.create_bank()
        publisher, other = cluster.publish(), others.publish()
        standby = cluster.subscribe("standby", publisher)
        cluster.expect_equal(standby)
        standby.stop()
        before = fingerprint(cluster.folder, "standby.db")
        standby.arguments[standby.arguments.index(publisher.address)] = other.address
        standby.start()
        expect_refusal(standby, ("stream",))
        after = fingerprint(cluster.folder, "standby.db")
        # The commit page says what runs now; it is no part of what the standby keeps.
        changed = [name for name in before if after.get(name) != before[name]
                   and "backend.db" not in name and not name.endswith("/commit-page")]
        expect(not changed, f"a refused standby changed {changed}")
        standby.arguments[standby.arguments.index(other.address)] = publisher.address
        standby.start()
        cluster.expect_equal(standby)
        count("refusals", 1)


if __name__ == "__main__":
    run_scenarios(foreign_database_on_the_standby, standby_of_another_stream)
