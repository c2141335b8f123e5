"""The dashboard in a real browser: Debian's Chromium, headless, at the address that works once."""

from __future__ import annotations

import http.client
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By

from tests.agent.live import pause, wait_for
from tests.tui.driving import Scene
from tests.world import environment

pytestmark = pytest.mark.slow
QUIET = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
         "--window-size=1200,800")  # fmt: skip


@pytest.fixture
def address(scene: Scene) -> Iterator[str]:
    """Where the dashboard is served."""
    command = [sys.executable, "-m", "syncd", "tui", "--web"]
    environ = environment(scene.laptop.root / "laptop" / "home", PYTHONUNBUFFERED="1")
    server = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert server.stdout is not None
    try:
        yield server.stdout.readline().removeprefix("Open ").strip()
    finally:
        server.send_signal(signal.SIGINT)
        try:
            server.wait(20)
        finally:
            server.kill()
            server.wait()
            server.stdout.close()


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Any]:
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    assert None not in (chromium, driver), "install chromium and chromium-driver: a real browser is the test"
    options = webdriver.ChromeOptions()
    options.binary_location = str(chromium)
    for argument in (*QUIET, f"--user-data-dir={tmp_path / 'profile'}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    found = webdriver.Chrome(options=options, service=Service(driver))
    yield found
    found.quit()


def status(address: str, path: str, **headers: str) -> int:
    host = address.split("/")[2]
    connection = http.client.HTTPConnection(host, timeout=20)
    connection.request("GET", path, headers=headers)
    found = connection.getresponse().status
    connection.close()
    return found


def test_the_dashboard_is_shown_and_takes_keys(scene: Scene, address: str, browser: Any, tmp_path: Path) -> None:
    browser.get(address)
    wait_for(lambda: browser.find_elements(By.CSS_SELECTOR, "body.-first-byte"))
    before = _picture_at_rest(browser)
    browser.execute_script("document.querySelector('.xterm-helper-textarea').focus()")
    webdriver.ActionChains(browser).send_keys("p").perform()
    wait_for(lambda: scene.ask("/v1/status")["state"] == "paused by you")
    wait_for(lambda: _picture(browser) != before)
    target = tmp_path / "web.png"
    target.write_bytes(_picture(browser))
    assert target.stat().st_size > 20_000, "a picture of something"
    asked = browser.execute_script("return performance.getEntriesByType('resource').map(entry => entry.name)")
    elsewhere = {name for name in asked if not name.startswith(address.partition("/?")[0])}
    refused = " ".join(entry["message"] for entry in browser.get_log("browser"))
    assert all(name in refused for name in elsewhere), f"the page asked others: {elsewhere}"


def _picture_at_rest(browser: Any) -> bytes:
    """Return a picture once nothing changes any more: it has heard from the agent then."""
    pictures = [b""]

    def same() -> bool:
        pause(0.7)
        pictures.append(_picture(browser))
        return pictures[-1] == pictures[-2]

    wait_for(same)
    return pictures[-1]


def _picture(browser: Any) -> bytes:
    data: bytes = browser.get_screenshot_as_png()
    return data


def test_the_address_works_once_and_nothing_works_without_it(scene: Scene, address: str) -> None:
    path = "/" + address.split("/", 3)[3]
    for closed in ("/", "/ws", "/static/", "/?token=wrong"):
        assert status(address, closed) == 401, closed
    assert status(address, path, Host="evil.example") == 421
    connection = http.client.HTTPConnection(address.split("/")[2], timeout=20)
    connection.request("GET", path)
    response = connection.getresponse()
    cookie = (response.getheader("Set-Cookie") or "").partition(";")[0]
    assert response.status == 302
    assert "HttpOnly" in (response.getheader("Set-Cookie") or "")
    assert "SameSite=Strict" in (response.getheader("Set-Cookie") or "")
    connection.close()
    assert status(address, path) == 401, "the token was used"
    assert status(address, "/", Cookie=cookie) == 200
    assert status(address, "/", Cookie=cookie, Origin="http://evil.example") == 403
    assert status(address, "/", Cookie="syncd=wrong") == 401
