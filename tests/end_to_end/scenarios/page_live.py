"""The page at `/` of real nodes, in a real browser: a cluster under load, a primary that is lost and a takeover, a node that
is restarted, a member that is silent. Judged by what stands in the browser's window.
"""

import contextlib
import pathlib
import sys
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from browser import Browser  # noqa: E402
from cluster import Peers  # noqa: E402
from harness import count, expect, run_scenarios  # noqa: E402
from nodes import free_port  # noqa: E402
from page_stage import assemble  # noqa: E402

VERDICT = "return document.querySelector('#verdict-text').innerText === arguments[0]"
PRIMARY = """return document.querySelector('#primary').innerText === arguments[0]
    && document.querySelector('#epoch').innerText === arguments[1]"""


class WatchedPeers(Peers):
    """Each with a page of its own."""

    def __init__(self, program: str, *names: str):
        super().__init__(program, *names)
        self.ports = {node.name: free_port() for node in self.nodes}

    def start_watched(self) -> "WatchedPeers":
        return self.start(own=lambda node: ["--http", f"127.0.0.1:{self.ports[node.name]}"])

    def page(self, name: str) -> str:
        return f"http://127.0.0.1:{self.ports[name]}/"


@contextlib.contextmanager
def watched(program, *names: str):
    """A cluster that runs, and a browser."""
    with Browser() as browser, WatchedPeers(program, *names) as peers:
        peers.start_watched()
        yield browser, peers


def look(browser, peers, name: str) -> None:
    browser.open(peers.page(name))
    browser.wait_for("all is well", VERDICT, "All is well", timeout=30)
    count("pages opened in a browser", 1)


def expect_quiet(browser, peers) -> None:
    """A node that is down refuses connections, and the browser says so; nothing else may be said."""
    said = [line for line in browser.console() if "ERR_CONNECTION" not in line and "ERR_INCOMPLETE" not in line]
    expect(said == [], f"the console says {said}")
    pages = tuple(peers.page(node.name) for node in peers.nodes)
    elsewhere = [one for one in browser.requested() if not one.startswith((*pages, "data:"))]
    expect(not elsewhere, f"asked for {elsewhere}")


def shows_a_takeover(program, chance):
    with watched(program) as (browser, peers):
        look(browser, peers, "b")
        expect(browser.text("#primary") == "a" and sorted(browser.texts("#rows h3")) == ["a", "b", "c"], "a, b, c are not there")
        states = sorted(browser.texts("#rows .state .word"))
        expect(states == ["publishing", "streaming", "streaming"], f"states: {states}")
        writer = peers.write_ledger("--rate", "200")
        browser.wait_for("the rate shows the load", "return Number(document.querySelector('#rate').innerText) > 50")
        before = browser.attribute("#rows li:nth-child(1) .line", "d")
        browser.wait_for("the line of b moves", """return document.querySelector('#rows li:nth-child(1) .line')
            .getAttribute('d').length > arguments[0]""", len(before))
        peers["a"].kill()
        browser.wait_for("the loss is told", VERDICT, "No primary")
        expect("a led and does not answer" in browser.text("#conditions"), f"it says {browser.text('#conditions')}")
        peers.promote("b")
        browser.wait_for("b leads epoch 2", PRIMARY, "b", "2", timeout=5)
        browser.wait_for("the event is listed", """return [...document.querySelectorAll('#event-list code')]
            .some(one => one.innerText === 'promoted')""", timeout=5)
        expect(browser.texts("#epoch-list td:first-child") == ["2", "1"], "the epochs are not both listed")
        peers["a"].start()
        peers.wait_for_leader("b")
        browser.wait_for("all is well again", VERDICT, "All is well", timeout=60)
        expect(browser.texts("#rows .leads h3") == ["b"], "b is not marked as the primary")
        writer.finish()
        expect_quiet(browser, peers)
        count("takeovers seen in a browser", 1)


def survives_a_restart_of_its_node(program, chance):
    with watched(program, "a", "b") as (browser, peers):
        look(browser, peers, "b")
        peers["b"].kill()
        browser.wait_for("the loss is told", VERDICT, "No connection")
        expect("Connection to b lost since" in browser.text("#connection"), f"it says {browser.text('#connection')}")
        peers["b"].start()
        browser.wait_for("it is back", VERDICT, "All is well", timeout=30)
        expect(browser.text("#connection") == "", "the banner stays")
        started = "return [...document.querySelectorAll('#event-list code')].filter(one => one.innerText === 'node_started').length"
        browser.wait_for("both lives of b are in the events", f"{started} === 2")
        expect_quiet(browser, peers)


def goes_on_beside_a_silent_member(program, chance):
    with watched(program) as (browser, peers):
        look(browser, peers, "a")
        peers["c"].pause()
        browser.wait_for("the silence is told", "return document.querySelector('#conditions').innerText"
                                                ".includes('c does not answer')", timeout=30)
        expect(browser.text("#primary") == "a", "a leads no more")
        writer = peers.write_ledger("--rate", "100", only="a")
        browser.wait_for("the rest is shown on", "return Number(document.querySelector('#rate').innerText) > 20")
        writer.finish()
        peers["c"].resume()
        browser.wait_for("all is well again", VERDICT, "All is well", timeout=60)
        expect_quiet(browser, peers)


def is_the_page_that_was_tested(program, chance):
    """The program carries what assemble.py makes of the sources, and sends the policy with it."""
    with WatchedPeers(program, "a") as peers:
        peers.start_watched()
        made = assemble.assemble()
        with urllib.request.urlopen(peers.page("a"), timeout=10) as answer:
            expect(answer.read().decode() == made.html, "the program's page is not the one of the sources")
            expect(answer.headers["Content-Security-Policy"] == made.policy, f"the policy is {answer.headers.items()}")
            expect(answer.headers["Content-Type"] == "text/html; charset=utf-8", "it is not called HTML")


if __name__ == "__main__":
    run_scenarios(shows_a_takeover, survives_a_restart_of_its_node, goes_on_beside_a_silent_member,
                  is_the_page_that_was_tested)
