"""Photographs the page, as it is shown in the docs and as whoever changes it should look at it.

usage: page_screenshots.py FOLDER                 the pictures of docs/
       page_screenshots.py FOLDER --all           every scene, desktop and phone, light and dark
"""

import argparse
import json
import pathlib
import time

import page_scenes
from browser import Browser
from page_stage import Stage

DESKTOP, PHONE = (1280, 900, False), (390, 844, True)
DOCS = (("page", "healthy", DESKTOP, "light"), ("page-phone", "primary_lost", PHONE, "dark"))


def every() -> tuple:
    return tuple((f"{scene}-{device}-{scheme}", scene, size, scheme) for scene in page_scenes.SCENES
                 for device, size in (("desktop", DESKTOP), ("phone", PHONE)) for scheme in ("light", "dark"))


def photograph(browser: Browser, path: pathlib.Path, scene: str, size: tuple[int, int, bool], scheme: str, whole: bool) -> None:
    """With the last five minutes in the lines; `whole`: all of the page, however long."""
    width, height, phone = size
    with Stage(page_scenes.SCENES[scene]()) as stage:
        browser.set_media(scheme)
        browser.set_size(width, height, phone)
        browser.open(f"{stage.address}status")
        stage.scene.begun_at = time.time()  # the browser took its time to start
        browser.run("sessionStorage.setItem('tracks', arguments[0])", json.dumps(stage.scene.past()))
        browser.open(stage.address)
        browser.wait_for("the events are there", """return document.querySelectorAll('#event-list li').length > 0
            || document.querySelector('#no-events').checkVisibility()""")
        browser.wait_for("all is known", "return document.querySelector('#verdict').dataset.level !== 'unknown'")
        browser.wait_for("a rate is shown, where somebody leads", """const primary = document.querySelector('#primary').innerText;
            return primary === 'none' || /\\d nodes/.test(primary) || /\\d/.test(document.querySelector('#rate').innerText)""")
        if whole:
            browser.set_size(width, browser.run("return document.documentElement.scrollHeight"), phone)
        browser.screenshot(path)


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("folder", type=pathlib.Path)
    options.add_argument("--all", action="store_true")
    chosen = options.parse_args()
    chosen.folder.mkdir(parents=True, exist_ok=True)
    with Browser() as browser:
        for name, scene, size, scheme in every() if chosen.all else DOCS:
            path = chosen.folder / f"{name}.png"
            photograph(browser, path, scene, size, scheme, whole=chosen.all)
            print(path, flush=True)


if __name__ == "__main__":
    main()
