"""Debian's Chromium without a window, driven by selenium: one for all tests of a worker."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import which
from typing import Any

from selenium import webdriver
from selenium.common.exceptions import NoAlertPresentException, TimeoutException, WebDriverException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
CLICKABLE = "a, area, button, input[type=submit], input[type=image]"


class Chromium:
    """A browser with one page."""

    def __init__(self, driver: webdriver.Chrome, folder: Path) -> None:
        self.driver = driver
        self._folder = folder

    def open(self, page: str, width: int = 1200, dark: bool = False) -> str:
        """Shows `page`, an HTML text, `width` CSS pixels wide, and waits until it and its frames are there. Gives its
        address. Up to 600 pixels it is a phone."""
        screen = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width <= 600}
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": [scheme]})
        file = self._folder / "page.html"
        file.write_bytes(page.encode("utf-8"))
        try:
            self.driver.get(file.as_uri())
        except TimeoutException:  # a renderer that is starved on a busy machine; a new one is not
            self.driver.switch_to.new_window("tab")
            self.driver.get(file.as_uri())
        return file.as_uri()

    def run(self, script: str) -> Any:
        """What `script` returns on the page; it may use what page scripts may not."""
        return self.driver.execute_script(script)

    def texts_of_frames(self) -> list[str]:
        """What a reader sees in each frame, in the page's order."""
        found = []
        for frame in self.driver.find_elements(By.TAG_NAME, "iframe"):
            self.driver.switch_to.frame(frame)
            found.append(self.driver.find_element(By.TAG_NAME, "body").text)
            self.driver.switch_to.default_content()
        return found

    def click_everything_in_frames(self) -> int:
        """Clicks each link and button in each frame, and presses Enter on it; gives how many there were."""
        count = 0
        for frame in self.driver.find_elements(By.TAG_NAME, "iframe"):
            # Going into a frame takes a while, and most have nothing to click.
            if not re.search("<(a|area|button|input)[ \n/>]", frame.get_attribute("srcdoc") or "", re.IGNORECASE):
                continue
            self.driver.switch_to.frame(frame)
            for place in range(len(self.driver.find_elements(By.CSS_SELECTOR, CLICKABLE))):
                count += 1
                for press in ("click", "enter"):
                    # A click may have led the frame to an error page, where nothing is left to click.
                    with suppress(WebDriverException, IndexError):
                        target = self.driver.find_elements(By.CSS_SELECTOR, CLICKABLE)[place]
                        target.click() if press == "click" else target.send_keys(Keys.ENTER)
            self.driver.switch_to.default_content()
        return count

    def press(self, *keys: str) -> None:
        """Keys for whatever has the focus."""
        for key in keys:
            self.driver.switch_to.active_element.send_keys(key)

    def has_dialog(self) -> bool:
        """Whether a dialog stands open."""
        try:
            self.driver.switch_to.alert.dismiss()
        except NoAlertPresentException:
            return False
        return True

    def console(self) -> list[str]:
        """What was written to the console since the last look."""
        return [row["message"] for row in self.driver.get_log("browser")]


@contextmanager
def chromium(folder: Path) -> Iterator[Chromium]:
    """A browser with a new profile in `folder`, which must be empty."""
    options = webdriver.ChromeOptions()
    options.binary_location = which("chromium") or "chromium"
    for flag in (*FLAGS, f"--user-data-dir={folder / 'profile'}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    options.set_capability("unhandledPromptBehavior", "ignore")
    driver = webdriver.Chrome(options=options, service=Service(which("chromedriver") or "chromedriver"))
    driver.set_page_load_timeout(50)
    try:
        yield Chromium(driver, folder)
    finally:
        driver.quit()
