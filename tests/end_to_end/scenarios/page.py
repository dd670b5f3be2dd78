"""The page at `/` in a real browser, with scripted clusters (page_stage.py): what it shows of healthy and odd states, how it
survives the loss of its node, keyboard, themes, widths, contrast, and that it asks nobody but its node.
"""

import dataclasses
import json
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import page_scenes  # noqa: E402
from browser import Browser  # noqa: E402
from harness import count, expect, run_scenarios, wait_until  # noqa: E402
from page_look import contrasts, overflowing  # noqa: E402
from page_stage import Stage  # noqa: E402

MOST_BYTES = 80_000
VERDICT = "return document.querySelector('#verdict-text').innerText === arguments[0]"


def expect_quiet(browser, address: str) -> None:
    """No error on the console, and nothing asked of anybody but `address`."""
    expect((said := browser.console()) == [], f"the console says {said}")
    elsewhere = [one for one in browser.requested() if not one.startswith((address, "data:"))]
    expect(not elsewhere, f"asked for {elsewhere}")


def settle(browser, stage, verdict: str) -> None:
    browser.open(stage.address)
    browser.wait_for(f"the verdict is '{verdict}'", VERDICT, verdict)
    count("pages opened in a browser", 1)


def shows_a_healthy_cluster(program, chance):
    with Browser() as browser, Stage(page_scenes.healthy()) as stage:
        settle(browser, stage, "All is well")
        expect(browser.text("h1") == "app.db", "the database's name is not the title")
        expect(browser.text("#primary") == "a" and browser.text("#epoch") == "4", "primary or epoch is wrong")
        expect(browser.texts("#rows h3") == ["a", "b", "c"], "the nodes are not listed")
        expect(browser.texts("#rows .leads h3") == ["a"], "a is not marked as the primary")
        expect(browser.texts("#conditions li") == [], "a healthy cluster asks for attention")
        expect("a leads" in browser.run("return document.title"), "the window's title does not say who leads")
        browser.wait_for("a rate is shown", "return Number(document.querySelector('#rate').innerText) > 100")
        browser.wait_for("lags are shown", "return [...document.querySelectorAll('#rows .lag b')].slice(1)"
                                           ".every(one => /^\\d+ ms$/.test(one.innerText))")
        before = browser.attribute("#rows li:nth-child(2) .line", "d")
        browser.wait_for("the line of b moves and grows", """
            const line = document.querySelector('#rows li:nth-child(2) .line').getAttribute('d');
            return line !== arguments[0] && line.length > arguments[0].length""", before)
        events = browser.texts("#event-list .text code")
        expect(events[0] == "snapshot_taken" and events[-1] == "node_started", f"events are not newest first: {events}")
        expect(len(browser.texts("#epoch-list tr")) == 4, "not all epochs are listed")
        expect_quiet(browser, stage.address)
        asked = sorted(set(stage.requests))
        expect(asked == ["/", "/cluster", "/events"], f"asked the node for {asked}")


def is_small_and_strict(program, chance):
    with Stage(page_scenes.healthy()) as stage:
        html, policy = stage.page.html, stage.page.policy
    expect(len(html.encode()) < MOST_BYTES, f"the page has {len(html.encode())} bytes")
    for word in ("unsafe", "*", "http:", "https:"):
        expect(word not in policy, f"the policy allows {word}: {policy}")
    links = re.findall(r"""(?:src|href|action)\s*=\s*["']([^"']*)""", html)
    expect(links and all(one.startswith(("data:", "#")) or one in ("cluster", "status", "metrics") for one in links),
           f"points elsewhere: {links}")
    for way_out in ("XMLHttpRequest", "WebSocket", "sendBeacon", "innerHTML", "eval(", "@import", "url("):
        expect(way_out not in html, f"the page has {way_out}")


def names_what_is_wrong(program, chance):
    cases = {
        "lagging": ("1 warning", "c lags by", "A standby lags"),
        "primary_lost": ("No primary", "a led and does not answer", "The primary is lost"),
        "forked": ("Fork", "a and b both lead epoch 5", "A fork"),
        "warned": ("1 problem", "No space left on device", "Fencing"),
        "readers": ("1 warning", "search is disconnected", None),
        "eight_nodes": ("1 warning", "node-7 does not answer for 5 min", None),
        "starting": ("1 warning", "tcp://10.0.0.2:7600 has not been heard of yet", None),
    }
    with Browser() as browser:
        for name, (verdict, condition, runbook) in cases.items():
            with Stage(page_scenes.SCENES[name]()) as stage:
                settle(browser, stage, verdict)
                told = browser.text("#conditions")
                expect(condition in told, f"{name}: not told of '{condition}', but: {told}")
                if runbook:
                    expect(f"What to do: {runbook}" in told, f"{name}: no runbook '{runbook}' in: {told}")
                    expect(browser.run("""return [...document.querySelectorAll('.runbook')]
                                       .some(one => one.textContent.includes('understudy'))"""), f"{name}: an empty runbook")
                expect_quiet(browser, stage.address)


def follows_a_takeover(program, chance):
    with Browser() as browser, Stage(page_scenes.healthy()) as stage:
        stage.scene.seen_from = "c"
        settle(browser, stage, "All is well")
        rows = browser.texts("#rows h3")
        stage.scene.actors[0].silent_for = 3.0
        browser.wait_for("the loss is told", VERDICT, "No primary")
        a, b, c = stage.scene.actors
        b.role, b.state, b.epoch, c.epoch = "primary", "publishing", 5, 5
        stage.scene.history.append(("b", 0.0, "promoted: a was lost"))
        browser.wait_for("b leads epoch 5", """return document.querySelector('#primary').innerText === 'b'
            && document.querySelector('#epoch').innerText === '5'""", timeout=5)
        expect(browser.texts("#rows h3") == rows, "the rows changed their order")
        expect(browser.texts("#rows .leads h3") == ["b"], "b is not marked as the primary")
        browser.wait_for("the change is said to screen readers",
                         "return document.querySelector('#announce').textContent.includes('b leads')")
        expect("a does not answer" in browser.text("#conditions"), "a is silent, and that is not told")


def survives_its_node(program, chance):
    with Browser() as browser, Stage(page_scenes.healthy()) as stage:
        settle(browser, stage, "All is well")
        stage.stop()
        browser.wait_for("the loss is told", VERDICT, "No connection")
        expect(re.match(r"Connection to a lost since \d\d:\d\d:\d\d", browser.text("#connection")),
               f"it says: {browser.text('#connection')}")
        expect(browser.texts("#rows h3") == ["a", "b", "c"], "what was known is gone")
        stage.start()
        browser.wait_for("it is connected again", VERDICT, "All is well")
        expect(browser.text("#connection") == "", "the banner stays")
        browser.wait_for("events come again", "return document.querySelectorAll('#event-list li').length > 0")
        events = browser.texts("#event-list .text")
        expect(len(events) == len(set(events)) == len(page_scenes.LOG), f"events are doubled: {events}")
        stage.is_mute = True
        browser.wait_for("a node that accepts and is silent counts as lost", VERDICT, "No connection")
        refused = [line for line in browser.console() if "ERR_" not in line]
        expect(refused == [], f"the console says {refused}")


def works_by_keyboard(program, chance):
    with Browser() as browser, Stage(page_scenes.lagging()) as stage:
        browser.set_media("light")
        settle(browser, stage, "1 warning")
        order = []
        while len(order) < 30 and "find" not in order:
            browser.press("Tab")
            order.append(browser.focused())
            visible = browser.run("""const style = getComputedStyle(document.activeElement.matches('.levels input')
                ? document.activeElement.nextElementSibling : document.activeElement);
                return style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2""")
            expect(visible, f"no focus ring on {order[-1]}")
        expect(order[:5] == ["skip", "pause", "theme", "show-keys", "summary"], f"the order of Tab is {order}")
        browser.run("document.activeElement.blur()")
        browser.press("p")
        expect(browser.attribute("#pause", "aria-pressed") == "true", "p does not pause")
        held = browser.text("#rows")
        stage.scene = page_scenes.forked()
        wait_until("asked on", lambda asked=len(stage.requests): len(stage.requests) > asked + 3)
        expect(browser.text("#rows") == held, "a paused view changes")
        browser.press("p")
        browser.wait_for("it goes on", VERDICT, "Fork")
        browser.press("?")
        expect(browser.run("return document.querySelector('#keys').open"), "? does not show the keys")
        browser.press("Escape")
        expect(not browser.run("return document.querySelector('#keys').open"), "Esc does not close them")
        browser.press("3")
        shown = browser.texts("#event-list li:not([hidden]) code")
        expect(shown == ["forked"], f"3 shows not the errors alone: {shown}")
        browser.press("1", "f", *"switchover")
        shown = browser.texts("#event-list li:not([hidden]) code")
        expect(set(shown) == {"promoted"}, f"finding 'switchover' shows {shown}")
        browser.press("Escape", ",", ",", ",")
        expect("3 s ago" in browser.text("#scrubbed"), f"',' does not look back: {browser.text('#scrubbed')}")
        browser.press("Escape")
        expect(browser.text("#scrubbed").strip() == "", "Esc does not come back to now")
        expect_quiet(browser, stage.address)


def tells_what_an_event_means(program, chance):
    with Browser() as browser, Stage(page_scenes.forked()) as stage:
        settle(browser, stage, "Fork")
        browser.run("document.querySelector('#event-list summary').focus()")
        browser.press("Enter")
        told = browser.wait_for("the event is open", "return document.querySelector('#event-list .more')?.innerText")
        for words in ("two nodes opened the same epoch", "What to do:", "peers", "a b"):
            expect(words in told, f"'{words}' is not in: {told}")


def has_themes(program, chance):
    def background():
        return browser.run("return getComputedStyle(document.documentElement).backgroundColor")

    with Browser() as browser, Stage(page_scenes.healthy()) as stage:
        browser.set_media("dark")
        settle(browser, stage, "All is well")
        dark = background()
        browser.set_media("light")
        browser.wait_for("the system's wish for light is followed",
                         "return getComputedStyle(document.documentElement).backgroundColor !== arguments[0]", dark)
        light = background()
        seen = []
        for _ in range(3):
            browser.press("t")
            seen.append((browser.text("#theme-text"), background()))
        expect(seen == [("light", light), ("dark", dark), ("auto", light)], f"t goes through {seen}")
        browser.press("t", "t")
        browser.open(stage.address)
        expect((browser.text("#theme-text"), background()) == ("dark", dark), "the chosen theme is forgotten")


def keeps_lines_over_a_reload(program, chance):
    with Browser() as browser, Stage(page_scenes.healthy()) as stage:
        settle(browser, stage, "All is well")
        browser.wait_for("three samples", """return (document.querySelector('#rows li:nth-child(2) .line')
            .getAttribute('d').match(/L/g) ?? []).length >= 3""")
        first = browser.attribute("#rows li:nth-child(2) .line", "d")
        browser.run("location.reload()")
        browser.wait_for("it is loaded anew", VERDICT, "All is well")
        browser.wait_for("the old samples are there", """return document.querySelector('#rows li:nth-child(2) .line')
            .getAttribute('d').length >= arguments[0]""", len(first))


def fits_and_is_readable(program, chance):
    sizes = {"desktop": (1280, 900, False), "tablet": (820, 1100, False), "phone": (390, 844, True), "narrow": (320, 640, True)}
    checked = 0
    with Browser() as browser:
        for name, scene in page_scenes.SCENES.items():
            with Stage(scene()) as stage:
                browser.open(stage.address)
                browser.run("sessionStorage.setItem('tracks', arguments[0])", json.dumps(stage.scene.past()))
                browser.wait_for("all is known", "return document.querySelectorAll('#rows li').length > 0"
                                                 " && document.querySelector('#verdict').dataset.level !== 'unknown'")
                for size, (width, height, phone) in sizes.items():
                    browser.set_size(width, height, phone)
                    wide = overflowing(browser)
                    expect(not wide, f"{name}, {size}: wider than the window: {wide}")
                for scheme in ("light", "dark"):
                    browser.set_media(scheme)
                    found = contrasts(browser)
                    low = [one for one in found if one["ratio"] < one["least"]]
                    expect(len(found) > 30, f"{name}: only {len(found)} texts were looked at")
                    expect(not low, f"{name}, {scheme}: contrast too low: {low}")
                    checked += len(found)
    count("texts whose contrast was computed", checked)


def is_named_for_screen_readers(program, chance):
    with Browser() as browser, Stage(page_scenes.lagging()) as stage:
        settle(browser, stage, "1 warning")
        nodes = browser.devtools("Accessibility.getFullAXTree")["nodes"]
        known = [(node["role"]["value"], node.get("name", {}).get("value", "")) for node in nodes if not node.get("ignored")]
        roles = {role for role, _ in known}
        expect({"banner", "main", "contentinfo", "heading", "table", "status"} <= roles, f"roles: {sorted(roles)}")
        nameless = [(role, name) for role, name in known if not name.strip() and role in
                    ("button", "radio", "searchbox", "link", "region", "image", "dialog", "heading", "DisclosureTriangle")]
        expect(not nameless, f"without a name: {nameless}")
        images = [name for role, name in known if role == "image"]
        expect(any(name.startswith("Lag of c over five minutes: now") for name in images), f"the lines are called {images}")
        live = browser.run("return document.querySelectorAll('[aria-live], [role=status], [role=alert], [role=log]').length")
        expect(live == 1, f"{live} live regions: a screen reader would not come to rest")
        expect(browser.text("#announce") == "", "it speaks although nothing changed")


def is_plain_without_scripts(program, chance):
    with Browser() as browser, Stage(page_scenes.healthy()) as stage:
        browser.devtools("Emulation.setScriptExecutionDisabled", value=True)
        browser.open(stage.address)
        shown = browser.devtools("Accessibility.getFullAXTree")["nodes"]
        words = " ".join(node.get("name", {}).get("value", "") for node in shown)
        expect("draws the cluster with JavaScript, which is off" in words, f"it says: {words[:500]}")


def does_not_trust_what_it_is_told(program, chance):
    scene = page_scenes.healthy()
    hostile = '<img src=x onerror="document.title=1"><script>document.title=2</script>'
    scene.actors[1] = dataclasses.replace(scene.actors[1], name=hostile)
    scene.warnings = [hostile]
    scene.log = [(1, "error", hostile, hostile, {hostile: hostile})]
    with Browser() as browser, Stage(scene) as stage:
        settle(browser, stage, "1 warning")
        expect(hostile in browser.text("#rows") and hostile in browser.text("#conditions"), "texts are not shown as they are")
        expect(browser.run("return document.querySelectorAll('main img, main script').length") == 0, "a text became elements")
        expect_quiet(browser, stage.address)


if __name__ == "__main__":
    run_scenarios(shows_a_healthy_cluster, is_small_and_strict, names_what_is_wrong, follows_a_takeover, survives_its_node,
                  works_by_keyboard, tells_what_an_event_means, has_themes, keeps_lines_over_a_reload, fits_and_is_readable,
                  is_named_for_screen_readers, is_plain_without_scripts, does_not_trust_what_it_is_told)
