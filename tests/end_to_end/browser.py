"""A real browser for tests: headless Chromium, driven by chromedriver over the WebDriver protocol (HTTP and JSON; Python's
standard library only). What the console said and what was asked for over the network is kept from the first moment on.
"""

import base64
import json
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

from harness import Expectation, Skipped, wait_until
from nodes import die_with_parent, free_port

ARGUMENTS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
             "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions",
             "--disable-default-apps", "--hide-scrollbars", "--force-color-profile=srgb", "--disable-dev-shm-usage", "about:blank")
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
KEYS = {"Tab": "\ue004", "Enter": "\ue007", "Escape": "\ue00c", "Space": "\ue00d", "Shift": "\ue008"}


class Browser:
    """One window. A context manager: browser and driver end with it."""

    def __init__(self):
        if not shutil.which("chromium") or not shutil.which("chromedriver"):
            raise Skipped("no browser: install the packages chromium and chromium-driver")
        self._folder = tempfile.mkdtemp(prefix="understudy-browser-")
        port = free_port()
        self._driver = subprocess.Popen(
            ["chromedriver", f"--port={port}", "--allowed-ips=127.0.0.1"], stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, preexec_fn=die_with_parent, env=None, start_new_session=True)
        self._address = f"http://127.0.0.1:{port}"
        self._session = ""
        try:
            wait_until("chromedriver answers", self._is_ready, 30)
            self._session = self._call("POST", "/session", {"capabilities": {"alwaysMatch": {
                "browserName": "chrome", "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
                "goog:chromeOptions": {"binary": shutil.which("chromium"), "args": [
                    f"--user-data-dir={self._folder}", *ARGUMENTS]}}}})["sessionId"]
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "Browser":
        return self

    def __exit__(self, *reason) -> None:
        self.close()

    def close(self) -> None:
        if self._session:
            try:
                self._call("DELETE", f"/session/{self._session}")
            except (OSError, Expectation):
                pass  # it is ended below in any case
        self._driver.send_signal(signal.SIGTERM)
        self._driver.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _is_ready(self) -> bool:
        try:
            return self._call("GET", "/status")["ready"]
        except OSError:
            return False

    def _call(self, method: str, path: str, content: dict | None = None):
        request = urllib.request.Request(self._address + path, method=method, headers={"Content-Type": "application/json"},
                                         data=None if content is None else json.dumps(content).encode())
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise Expectation(f"browser: {method} {path}: {error.read().decode()[:1500]}") from None

    def _ask(self, method: str, path: str, content: dict | None = None):
        return self._call(method, f"/session/{self._session}{path}", content)

    def open(self, address: str) -> None:
        self._ask("POST", "/url", {"url": address})

    def run(self, script: str, *arguments):
        """Runs JavaScript; `return` gives back a value, `arguments` are its own."""
        return self._ask("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def text(self, selector: str) -> str:
        """As it is seen: empty when the element is hidden, or not there."""
        return self.run("""const one = document.querySelector(arguments[0]);
                        return one?.checkVisibility() ? one.innerText : ''""", selector)

    def texts(self, selector: str) -> list[str]:
        return self.run("return [...document.querySelectorAll(arguments[0])].map(one => one.innerText)", selector)

    def attribute(self, selector: str, name: str) -> str | None:
        return self.run("return document.querySelector(arguments[0])?.getAttribute(arguments[1])", selector, name)

    def click(self, selector: str) -> None:
        element = self._ask("POST", "/element", {"using": "css selector", "value": selector})[ELEMENT]
        self._ask("POST", f"/element/{element}/click", {})

    def press(self, *keys: str) -> None:
        """Keys as from the keyboard, to whatever has the focus; a name of KEYS or one character."""
        actions = [{"type": kind, "value": KEYS.get(key, key)} for key in keys for kind in ("keyDown", "keyUp")]
        self._ask("POST", "/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": actions}]})

    def focused(self) -> str:
        """What has the focus, as a short name."""
        return self.run("const one = document.activeElement; return one.id || one.className || one.tagName.toLowerCase()")

    def devtools(self, command: str, **parameters):
        return self._ask("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def set_size(self, width: int, height: int, phone: bool = False) -> None:
        self.devtools("Emulation.setDeviceMetricsOverride", width=width, height=height, mobile=phone,
                      deviceScaleFactor=2 if phone else 1)
        self.devtools("Emulation.setTouchEmulationEnabled", enabled=phone)

    def set_media(self, scheme: str = "light", reduced_motion: bool = False) -> None:
        self.devtools("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": scheme},
            {"name": "prefers-reduced-motion", "value": "reduce" if reduced_motion else "no-preference"}])

    def screenshot(self, path: pathlib.Path, whole: bool = False) -> None:
        shot = self.devtools("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(shot["data"]))

    def console(self) -> list[str]:
        """Warnings and errors since the last call: scripts, policies, failed requests."""
        return [f"{entry['level']}: {entry['message']}" for entry in self._ask("POST", "/se/log", {"type": "browser"})
                if entry["level"] in ("WARNING", "SEVERE")]

    def requested(self) -> list[str]:
        """Addresses that pages asked for since the last call; the browser's own pages ask for chrome://…"""
        found = []
        for entry in self._ask("POST", "/se/log", {"type": "performance"}):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                found.append(message["params"]["request"]["url"])
        return [address for address in found if not address.startswith("chrome")]

    def wait_for(self, what: str, script: str, *arguments, timeout: float = 20):
        """Until the script returns something true; returns that."""
        deadline = time.monotonic() + timeout
        while True:
            value = self.run(script, *arguments)
            if value:
                return value
            if time.monotonic() > deadline:
                raise Expectation(f"not within {timeout} s: {what}; the page says: {self.text('body')[:1500]}")
            time.sleep(0.05)
