"""A browser without a display, for tests: Chromium, driven by Selenium."""

from __future__ import annotations

import contextlib
import io
import shutil
import tempfile
from pathlib import Path

import numpy as np
import psutil
import pytest
from numpy.typing import NDArray
from PIL import Image
from selenium.webdriver import ActionChains, Chrome
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from tests.waiting import wait_until

SIZE = (900, 600)
"""Width and height of the window, pixels."""

IMAGE = slice(0, 550)
"""Columns of the page that the panel with the controls leaves free."""

STILL = 10
"""Number of equal pictures in a row after which nothing moves any more."""

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    f"--window-size={SIZE[0]},{SIZE[1]}",
)

Pixels = NDArray[np.int16]


class Browser:
    """One window of a browser with a profile of its own.

    Args:
        address: the page that it opens.
    """

    def __init__(self, address: str) -> None:
        program = next(filter(None, map(shutil.which, ("chromium", "google-chrome"))), None)
        driver = shutil.which("chromedriver")
        if program is None or driver is None:
            pytest.skip("needs chromium and chromedriver")
        self._profile = tempfile.mkdtemp(prefix="browser-")
        options = Options()
        options.binary_location = program
        for flag in (*FLAGS, f"--user-data-dir={self._profile}"):
            options.add_argument(flag)
        self.driver = Chrome(options=options, service=Service(driver))
        self.driver.get(address)

    def wait_for_controls(self) -> None:
        """Wait until the page has its controls."""
        wait_until(lambda: self._sliders() and self.driver.find_elements(By.XPATH, "//button[contains(., 'Whole scene')]"))

    def image(self) -> Pixels:
        """Return the picture left of the controls, (H, W, 3), 0 to 255."""
        with Image.open(io.BytesIO(self.driver.get_screenshot_as_png())) as image:
            return np.asarray(image.convert("RGB"), np.int16)[:, IMAGE]

    def still_image(self) -> Pixels:
        """Return the picture once several in a row are the same."""
        images = [self.image()]

        def look() -> None:
            images[:] = [*images[-STILL:], self.image()]

        wait_until(lambda: len(images) > STILL and all(np.array_equal(images[-1], image) for image in images), look)
        return images[-1]

    def dismiss_notifications(self) -> None:
        """Close the notifications, which cover the picture."""
        for button in self.driver.find_elements(By.CSS_SELECTOR, ".mantine-Notification-closeButton"):
            button.click()
        wait_until(lambda: not self.driver.find_elements(By.CSS_SELECTOR, ".mantine-Notification-root"))

    def drag(self, right: int, down: int) -> None:
        """Drag the scene by pixels with the left button."""
        canvas = self.driver.find_element(By.TAG_NAME, "canvas")
        start = -canvas.size["width"] // 2 + 150
        ActionChains(self.driver).move_to_element_with_offset(canvas, start, 50).click_and_hold().move_by_offset(
            right // 2, down // 2
        ).move_by_offset(right - right // 2, down - down // 2).release().perform()

    def frame(self) -> int:
        """Return the frame that the first slider, the timeline's, has."""
        return int(float(self._sliders()[0].get_attribute("aria-valuenow") or "nan"))

    def press_in_timeline(self, *keys: str) -> None:
        """Press keys while the slider of the timeline has the focus."""
        self._sliders()[0].send_keys(*keys)

    def click(self, *labels: str) -> None:
        """Click the button with one of these labels."""
        condition = " or ".join(f"contains(., '{label}')" for label in labels)
        self.driver.find_element(By.XPATH, f"//button[{condition}]").click()

    def choose(self, label: str, option: str) -> None:
        """Choose an option of a drop-down list."""
        self._input(label).send_keys(Keys.ARROW_DOWN)  # opens the list
        found = (By.XPATH, f"//*[@role='option'][normalize-space(.)='{option}']")
        wait_until(lambda: self.driver.find_elements(*found))
        # By script: in a small window the list may be partly outside.
        self.driver.execute_script("arguments[0].click()", self.driver.find_element(*found))

    def chosen(self, label: str) -> str:
        """Return the chosen option of a drop-down list."""
        return str(self._input(label).get_attribute("value"))

    def close(self) -> None:
        """End the browser and remove its profile."""
        self.driver.quit()
        shutil.rmtree(self._profile, ignore_errors=True)

    def kill(self) -> None:
        """Kill the browser, which then says no goodbye to the server, and remove its profile."""
        driver = psutil.Process(self.driver.service.process.pid)
        for process in (*driver.children(recursive=True), driver):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self.driver.service.process.wait()
        shutil.rmtree(self._profile, ignore_errors=True)

    def _input(self, label: str) -> WebElement:
        return self.driver.find_element(By.XPATH, f"//label[normalize-space(.)='{label}']/following::input[1]")

    def _sliders(self) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, "[role=slider]")


FIRST, LAST = Keys.HOME, Keys.END
"""Keys that move a slider to its ends."""


def difference(first: Pixels, second: Pixels) -> float:
    """Return the share of pixels that differ clearly."""
    return float((np.abs(first - second).max(axis=-1) > 24).mean())


def content(image: Pixels) -> float:
    """Return the share of pixels that differ clearly from the corner's, the background."""
    return difference(image, np.broadcast_to(image[-1, 0], image.shape))


def save(image: Pixels, path: Path) -> None:
    """Write a picture as PNG."""
    Image.fromarray(image.astype(np.uint8)).save(path)
