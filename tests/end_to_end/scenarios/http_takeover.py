"""The health checks of three nodes through a fence, a switchover and the loss of the primary: at each
moment at most one node is the place for writes, and the codes follow the roles. Beside it /cluster,
/metrics (by a parser of ours, and promtool where it is installed) and /events say the same.
"""

import http.client
import json
import pathlib
import shutil
import subprocess
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from cluster import Peers  # noqa: E402
from harness import Expectation, count, expect, free_port, run_scenarios, wait_until  # noqa: E402
from http_node import HttpNode, parse_metrics, schema_flaw, value_of  # noqa: E402

OF_PRIMARY = {"primary", "read-only", "read-write", "health", "readiness", "liveness"}
OF_STANDBY = {"replica", "read-only", "async", "health", "readiness", "liveness"}


class Watch:
    """Asks all nodes for /primary again and again: two that say yes at one time are a fork of writes.

    The second answer of each pair is asked before and after the first: only what held throughout counts.
    """

    def __init__(self, nodes):
        self.nodes, self.rounds, self.doubles = nodes, 0, []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()

    def _run(self):
        while not self._stop.is_set():
            first = [name for name, node in self.nodes.items() if node.code("/primary") == 200]
            again = [name for name in first if self.nodes[name].code("/primary") == 200]
            if len(again) > 1:
                self.doubles.append(again)
            self.rounds += 1


def start(program, *options):
    peers = Peers(program)
    ports = {node.name: free_port() for node in peers.nodes}
    peers.start(*options, own=lambda node: ["--http", f"127.0.0.1:{ports[node.name]}"])
    return peers, {name: HttpNode(port) for name, port in ports.items()}


def expect_roles(nodes, leader, gone=()):
    for name, node in nodes.items():
        if name in gone:
            continue
        wanted = OF_PRIMARY if name == leader else OF_STANDBY
        wait_until(f"{name} answers as {'primary' if name == leader else 'standby'}",
                   lambda node=node, wanted=wanted: node.passed() == wanted)
        for path in ("/primary", "/replica"):
            codes = {node.code(path, method) for method in ("GET", "HEAD", "OPTIONS")}
            expect(len(codes) == 1, f"{name}{path}: GET, HEAD and OPTIONS differ: {codes}")


def flaw_of_view(view, name, nodes, leader, silent):
    """What is not (yet) as it must be in what node `name` says of the cluster; empty: nothing."""
    if flaw := schema_flaw(view, "cluster.schema.json"):
        return flaw
    members = view["members"]
    gone = tuple(member["node"] for member in members if member["silent_seconds"] is not None)
    if view["primary"] != leader or gone != silent:
        return f"primary {view['primary']}, silent {gone}"
    if {member["node"] for member in members} != set(nodes):
        return f"members {members}"
    if not members[0]["is_self"] or members[0]["node"] != name or view["self"] != name:
        return "self does not come first"
    if view["history"][-1]["node"] != leader or view["history"][-1]["epoch"] != view["epoch"]:
        return f"history {view['history']}"
    standbys = [member for member in members if member["role"] == "standby"]
    if len(standbys) != len(nodes) - 1 - len(silent):
        return f"standbys {standbys}"
    return "".join(f"{member}" for member in standbys
                   if member["followed"] != leader or member["lag_transactions"] is None)


def expect_cluster(nodes, leader, silent=()):
    for name, node in nodes.items():
        if name in silent:
            continue
        flaws = []

        def is_right(name=name, node=node, flaws=flaws):
            flaws.append(flaw_of_view(node.json("/cluster"), name, nodes, leader, silent))
            return not flaws[-1]

        try:
            wait_until(f"{name} sees the cluster as it is", is_right)
        except Expectation as error:
            raise Expectation(f"{error}: {flaws[-1]}") from None


def expect_metrics(nodes, leader, gone=()):
    promtool = shutil.which("promtool")
    for name, node in nodes.items():
        if name in gone:
            continue
        code, body = node.ask("/metrics")
        expect(code == 200, f"/metrics of {name}: {code}")
        samples = parse_metrics(body.decode())
        status = node.json("/status")
        role = "primary" if name == leader else "standby"
        expect(value_of(samples, "understudy_role", role=role) == 1, f"{name}: role")
        expect(value_of(samples, "understudy_state", state=status["state"]) == 1, f"{name}: state")
        expect(value_of(samples, "understudy_epoch") == status["epoch"], f"{name}: epoch")
        expect(value_of(samples, "understudy_backend_append_seconds_count") > 0, f"{name}: appends")
        if role == "primary":
            expect(value_of(samples, "understudy_standbys_connected") == 2 - len(gone),
                   f"{name}: {body.decode()}")
        else:
            expect(value_of(samples, "understudy_replication_lag_transactions") is not None, name)
        if promtool:
            checked = subprocess.run([promtool, "check", "metrics"], input=body, capture_output=True,
                                     check=False)
            expect(checked.returncode == 0, f"promtool: {checked.stdout}{checked.stderr}")
        count("metrics samples", len(samples))


def expect_events(node):
    """The log so far and a status come at once, as Server-Sent Events."""
    connection = http.client.HTTPConnection("127.0.0.1", node.port, timeout=20)
    connection.request("GET", "/events")
    response = connection.getresponse()
    expect(response.getheader("Content-Type") == "text/event-stream", "type of /events")
    events, lines = [], []
    while not any(kind == "status" for kind, _ in events):
        line = response.readline().decode().rstrip("\n")
        if line:
            lines.append(line)
            continue
        fields = dict(line.split(": ", 1) for line in lines if not line.startswith(":"))
        lines = []
        if fields:
            events.append((fields["event"], json.loads(fields["data"])))
    connection.close()
    names = [data["event"] for kind, data in events if kind == "log"]
    expect("node_started" in names and "role_decided" in names, f"events: {names}")
    expect(all({"time", "level", "event", "message"} <= set(data) for kind, data in events
               if kind == "log"), f"{events}")
    expect(events[-1][1]["node"] == node.json("/status")["node"], f"{events[-1]}")


def roles_move(program, _chance):
    peers, nodes = start(program)
    with peers, Watch(nodes) as watch:
        peers.write_rows("a", 50)
        peers.wait_until_settled("a")
        expect_roles(nodes, "a")
        expect_cluster(nodes, "a")
        expect_metrics(nodes, "a")
        expect_events(nodes["b"])

        fenced = peers["a"].run("fence")
        expect(fenced.returncode == 0, f"fence: {fenced.stderr}")
        expect(nodes["a"].code("/primary") == 503, "a fenced primary answers /primary with 200")
        expect(nodes["a"].code("/read-only") == 200, "readers need not leave a fenced primary")
        expect(nodes["a"].code("/health") == 503, "a fence weakens")
        expect(peers["a"].run("unfence").returncode == 0, "unfence")
        expect_roles(nodes, "a")

        peers.switch_over("b")
        expect_roles(nodes, "b")
        expect_cluster(nodes, "b")
        peers.write_rows("b", 50)
        peers.wait_until_settled("b")

        peers["b"].kill()
        expect(nodes["b"].code("/liveness") == 0, "the dead answer")
        wait_until("no reads without a primary", lambda: nodes["c"].code("/replica") == 503)
        expect(nodes["c"].code("/liveness") == 200, "it lives all the same")
        peers.promote("c", "--force")
        expect_roles(nodes, "c", gone=("b",))
        expect_cluster(nodes, "c", silent=("b",))
        expect_metrics(nodes, "c", gone=("b",))
        peers["b"].start()
        peers.wait_until_settled("c")
        expect_roles(nodes, "c")
        expect(not watch.doubles, f"two places for writes at once: {watch.doubles[:5]}")
        count("rounds in which at most one node was the place for writes", watch.rounds)
        peers.expect_nothing_lost("c", orphans_allowed=False)


def sync_standbys(program, _chance):
    """With --sync the standbys that follow the primary are those that commits wait for."""
    peers, nodes = start(program, "--sync", "1")
    with peers:
        for name in ("b", "c"):
            wait_until(f"{name} counts for commits",
                       lambda name=name: nodes[name].code("/sync") == 200)
            expect(nodes[name].code("/async") == 503, f"{name} is both")
        expect(nodes["a"].code("/sync") == 503, "a primary is no standby")
        samples = parse_metrics(nodes["a"].ask("/metrics")[1].decode())
        expect(value_of(samples, "understudy_sync_standbys_wanted") == 1, f"{samples}")


if __name__ == "__main__":
    run_scenarios(roles_move, sync_standbys)
