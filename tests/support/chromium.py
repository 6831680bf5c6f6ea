"""A headless Chromium, driven by selenium."""

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
        """Show `page`, an HTML text, `width` CSS pixels wide, and wait until it and its frames are loaded.

        Up to 600 pixels, the browser acts as a phone. Returns the address of the page.
        """
        screen = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width <= 600}
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": [scheme]})
        file = self._folder / "page.html"
        file.write_bytes(page.encode("utf-8"))
        try:
            self.driver.get(file.as_uri())
        except TimeoutException:  # a busy machine can starve a renderer; a new tab has a new one
            self.driver.switch_to.new_window("tab")
            self.driver.get(file.as_uri())
        return file.as_uri()

    def run(self, script: str) -> Any:
        """Run `script` on the page with the rights of the driver, and return its result."""
        return self.driver.execute_script(script)

    def texts_of_frames(self) -> list[str]:
        """Return the visible text of each frame, in the page's order."""
        texts = []
        for frame in self.driver.find_elements(By.TAG_NAME, "iframe"):
            self.driver.switch_to.frame(frame)
            texts.append(self.driver.find_element(By.TAG_NAME, "body").text)
            self.driver.switch_to.default_content()
        return texts

    def click_everything_in_frames(self) -> int:
        """Click each link and button in each frame, and press Enter on it. Return their number."""
        count = 0
        for frame in self.driver.find_elements(By.TAG_NAME, "iframe"):
            # Switching to a frame is slow, and most frames have nothing to click.
            if not re.search("<(a|area|button|input)[ \n/>]", frame.get_attribute("srcdoc") or "", re.IGNORECASE):
                continue
            self.driver.switch_to.frame(frame)
            for index in range(len(self.driver.find_elements(By.CSS_SELECTOR, CLICKABLE))):
                count += 1
                for press in ("click", "enter"):
                    # After a click, the frame may show an error page without anything to click.
                    with suppress(WebDriverException, IndexError):
                        target = self.driver.find_elements(By.CSS_SELECTOR, CLICKABLE)[index]
                        target.click() if press == "click" else target.send_keys(Keys.ENTER)
            self.driver.switch_to.default_content()
        return count

    def press(self, *keys: str) -> None:
        """Send keys to the element with the focus."""
        for key in keys:
            self.driver.switch_to.active_element.send_keys(key)

    def has_dialog(self) -> bool:
        """Whether a dialog is open; close it."""
        try:
            self.driver.switch_to.alert.dismiss()
        except NoAlertPresentException:
            return False
        return True

    def console(self) -> list[str]:
        """Return the new messages of the console."""
        return [row["message"] for row in self.driver.get_log("browser")]


@contextmanager
def chromium(folder: Path) -> Iterator[Chromium]:
    """Start a browser with a new profile in `folder`, which must be empty."""
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
