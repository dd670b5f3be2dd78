"""Dashboard and alert rules of deploy/ against the metrics of real nodes: every metric and every label that they name is there,
every runbook too; and promtool, where it is installed, proves the rules on series.
"""

import json
import pathlib
import re
import shutil
import subprocess
import sys
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from cluster import Peers  # noqa: E402
from harness import TOP, count, expect, run_scenarios, wait_until  # noqa: E402
from nodes import free_port  # noqa: E402

ALERTS = TOP / "deploy/prometheus/understudy-alerts.yml"
DASHBOARD = TOP / "deploy/grafana/understudy.json"
OF_PROMETHEUS = {"up", "instance", "job", "le"}  # metrics and labels that Prometheus itself gives
WORDS_OF_PROMQL = {"sum", "max", "by", "on", "or", "and", "unless", "offset", "rate", "increase", "changes", "histogram_quantile",
                   "label_values", "group_left"}


def alert_fields(name: str) -> list[str]:
    """All texts of a field of the rules; they are one line, or folded."""
    found, text = [], ALERTS.read_text()
    for match in re.finditer(rf"^( +){name}: (.*(?:\n\1  +.*)*)$", text, re.MULTILINE):
        found.append(" ".join(match.group(2).removeprefix(">-").split()))
    return found


def dashboard_expressions(dashboard: dict) -> list[str]:
    panels = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
    variables = [variable["query"]["query"] for variable in dashboard["templating"]["list"] if variable["type"] == "query"]
    return panels + variables + [annotation["expr"] for annotation in dashboard["annotations"]["list"]]


def named_in(expression: str) -> tuple[set[str], set[str]]:
    """The metrics and the labels that an expression names."""
    labels = {label for inside in re.findall(r"\{([^}]*)\}", expression) for label in re.findall(r"(\w+)\s*[=!]~?", inside)}
    labels |= {label for inside in re.findall(r"\b(?:by|on)\s*\(([^)]*)\)", expression) for label in re.findall(r"\w+", inside)}
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]|\b(?:by|on)\s*\([^)]*\)|\"[^\"]*\"", " ", expression)
    names = {name for name in re.findall(r"\b[a-z][a-z0-9_]*\b", bare) if name not in WORDS_OF_PROMQL}
    if "label_values" in expression:
        label = expression.rsplit(",", 1)[1].strip(" )")
        names, labels = names - {label}, labels | {label}
    return {name for name in names if not re.fullmatch(r"\d+\w?", name)}, labels


def samples_of(text: str) -> dict[str, set[str]]:
    """Metric -> its labels, in what /metrics answers."""
    found: dict[str, set[str]] = {}
    for name, labels in re.findall(r"^([a-z_]+)(?:\{(.*)\})? \S+$", text, re.MULTILINE):
        found.setdefault(name, set()).update(re.findall(r'(\w+)="', labels))
    return found


def read_metrics(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        return answer.read().decode()


def metrics_of_a_cluster(program) -> list[str]:
    """Of a primary whose commits wait and which keeps an archive, and of its standby."""
    with Peers(program, "a", "b") as peers:
        ports = {node.name: free_port() for node in peers.nodes}
        (peers.folder / "archive").mkdir()
        peers.start("--sync", "1", "--archive", str(peers.folder / "archive"),
                    own=lambda node: ["--http", f"127.0.0.1:{ports[node.name]}"])
        peers.write_rows("a", 20)
        wait_until("both have a snapshot", lambda: all("understudy_snapshot_age_seconds" in read_metrics(port)
                                                       for port in ports.values()))
        wait_until("the archive is reached", lambda: "understudy_archive_behind_seconds" in read_metrics(ports["a"]))
        return [read_metrics(port) for port in ports.values()]


def names_what_there_is(program, chance):
    texts = metrics_of_a_cluster(program)
    there: dict[str, set[str]] = {}
    for text in texts:
        declared = re.findall(r"^# TYPE (\S+)", text, re.MULTILINE)
        expect(len(declared) == len(set(declared)), "a metric is declared twice: Prometheus refuses all of it")
        for name, labels in samples_of(text).items():
            there.setdefault(name, set()).update(labels)
    expect(len(there) > 50, f"only {len(there)} metrics were answered")
    dashboard = json.loads(DASHBOARD.read_text())
    expressions = alert_fields("expr") + dashboard_expressions(dashboard)
    expect(len(expressions) > 40, f"only {len(expressions)} expressions were found")
    for expression in expressions:
        names, labels = named_in(expression)
        expect(names, f"no metric in: {expression}")
        missing = names - there.keys() - OF_PROMETHEUS
        expect(not missing, f"no node has {sorted(missing)}, named in: {expression}")
        known = set().union(*(there.get(name, set()) for name in names))
        strange = labels - known - OF_PROMETHEUS
        expect(not strange, f"no label {sorted(strange)} in: {expression}")
    count("expressions of dashboard and alerts checked", len(expressions))
    if shutil.which("promtool"):
        for text in texts:
            found = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False)
            expect(found.returncode == 0, f"promtool says of /metrics: {found.stdout}{found.stderr}")


def has_runbooks(program, chance):
    operating = (TOP / "docs/OPERATING.md").read_text()
    titles = {title.rstrip(".") for title in re.findall(r"^(?:- )?\*\*(.+?)\*\*", operating, re.MULTILINE)}
    titles |= set(re.findall(r"^#+ (.+)$", operating, re.MULTILINE))
    alerts, runbooks = re.findall(r"- alert: (\w+)", ALERTS.read_text()), alert_fields("runbook")
    expect(len(alerts) == len(runbooks) > 15, f"{len(alerts)} alerts, {len(runbooks)} runbooks")
    for runbook in runbooks:
        title = runbook.strip('"').removeprefix("docs/OPERATING.md: ")
        expect(title in titles, f"docs/OPERATING.md has no '{title}'")
    tested = set(re.findall(r"alertname: (\w+)", (ALERTS.parent / "understudy-alerts_test.yml").read_text()))
    expect(tested <= set(alerts), f"tests of alerts that are not there: {sorted(tested - set(alerts))}")


def lays_out_its_panels(program, chance):
    panels = json.loads(DASHBOARD.read_text())["panels"]
    expect(len({panel["id"] for panel in panels}) == len(panels), "two panels have one id")
    taken = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        expect(place["x"] + place["w"] <= 24 and not taken & cells, f"'{panel['title']}' lies on another panel, or outside")
        expect(panel["type"] == "row" or panel["description"], f"'{panel['title']}' does not say what it shows")
        taken |= cells


def promtool_agrees(program, chance):
    if not shutil.which("promtool"):
        print("  promtool is not installed (package prometheus): rules were not tried on series")
        return
    for arguments in (["check", "rules", ALERTS.name], ["test", "rules", "understudy-alerts_test.yml"],
                      ["check", "config", "prometheus.example.yml"]):
        found = subprocess.run(["promtool", *arguments], cwd=ALERTS.parent, capture_output=True, text=True, check=False)
        expect(found.returncode == 0, f"promtool {' '.join(arguments)}: {found.stdout}{found.stderr}")
    count("promtool runs", 3)


if __name__ == "__main__":
    run_scenarios(names_what_there_is, has_runbooks, lays_out_its_panels, promtool_agrees)
