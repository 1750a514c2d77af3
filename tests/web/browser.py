"""Chromium, driven by Selenium: pages of a server in windows of one browser."""
import contextlib
import glob
import os
import shutil
import time

from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains

SECONDS = 60  # a bound against hanging: a busy machine may take its time
SIZES = {"phone": (390, 780), "tablet": (820, 1100), "desk": (1280, 800)}

# What is given to the browser to save goes to the last argument instead: the name, the type, and the hash.
_SAVE = """
const done = arguments[0];
URL.createObjectURL = (blob) => (window.given = blob, "#");
HTMLAnchorElement.prototype.click = async function () {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", await window.given.arrayBuffer()));
  done([this.download, window.given.type, Array.from(digest, (one) => one.toString(16).padStart(2, "0")).join("")]);
};
"""

# In front of all scripts of a page: what it does wrong is kept, for `Page.wrongs`.
_WATCH = """
window.wrongs = [];
window.ran = [];
addEventListener("securitypolicyviolation", (event) =>
    wrongs.push("policy: " + event.violatedDirective + " " + event.blockedURI));
addEventListener("error", (event) => wrongs.push("error: " + event.message));
addEventListener("unhandledrejection", (event) => wrongs.push("rejection: " + event.reason));
for (const name of ["alert", "confirm", "prompt", "open"]) window[name] = () => ran.push(name);
"""


def missing():
    """Why there can be no browser here; empty if there can."""
    for program, package in (("chromium", "chromium"), ("chromedriver", "chromium-driver")):
        if shutil.which(program) is None:
            return "%s is not installed (Debian: apt install %s)" % (program, package)
    return ""


def axe_script():
    """The source of axe-core, or None where it is not: PARLEY_AXE names it, or npm has installed it here or there."""
    folders = ["node_modules", os.path.expanduser("~/node_modules"), "/usr/lib/node_modules",
               "/usr/local/lib/node_modules", *glob.glob(os.path.expanduser("~/.cache/parley-*/node_modules"))]
    places = [os.environ.get("PARLEY_AXE", ""),
              *(os.path.join(folder, "axe-core", "axe.min.js") for folder in folders)]
    for place in places:
        if os.path.isfile(place):
            with open(place, encoding="utf-8") as file:
                return file.read()
    return None


@contextlib.contextmanager
def running():
    """A browser without a window on any screen; ended with the block.

    The headless shell, which only draws pages, takes two thirds of the CPU time of the whole browser.
    """
    options = Options()
    options.binary_location = shutil.which("chromium-headless-shell") or shutil.which("chromium")
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--no-first-run",
                     "--disable-background-networking", "--disable-component-update", "--lang=en-GB",
                     "--hide-scrollbars", "--disable-backgrounding-occluded-windows",
                     "--disable-renderer-backgrounding", "--renderer-process-limit=1"):
        options.add_argument(argument)
    driver = webdriver.Chrome(service=Service(shutil.which("chromedriver")), options=options)
    try:
        yield driver
    finally:
        try:
            # Itself, as Debian's headless shell is started by a script, and quit ends no more than that.
            driver.execute_cdp_cmd("Browser.close", {})
        except WebDriverException:
            pass  # it is gone, and with it the answer
        driver.quit()


class Page:
    """A window of its own. What it does is done with this window in front.

    scripts: sources that run before the page's own.
    """

    def __init__(self, driver, size="desk", dark=False, scripts=()):
        driver.switch_to.new_window("window")
        self._driver = driver
        self._handle = driver.current_window_handle
        for script in (_WATCH, *scripts):
            self._command("Page.addScriptToEvaluateOnNewDocument", source=script)
        width, height = SIZES[size]
        self.size(width, height, touch=size == "phone")
        self.media(dark)
        self._command("Emulation.setFocusEmulationEnabled", enabled=True)  # each window believes that it has the focus

    def _command(self, name, **parameters):
        self._driver.switch_to.window(self._handle)
        return self._driver.execute_cdp_cmd(name, parameters)

    def size(self, width, height, scale=1, touch=False):
        self._command("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale,
                      mobile=touch)
        self._command("Emulation.setTouchEmulationEnabled", enabled=touch)

    def media(self, dark=False, motion=True):
        self._command("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
            {"name": "prefers-reduced-motion", "value": "no-preference" if motion else "reduce"}])

    def language(self, name):
        """Of times and numbers; "" for that of the browser."""
        self._command("Emulation.setLocaleOverride", locale=name)

    def empty_cache(self):
        """Have nothing of the pages that were opened before."""
        self._command("Network.enable")
        self._command("Network.setCacheDisabled", cacheDisabled=True)

    def measure_work(self):
        self._command("Performance.enable", timeDomain="threadTicks")

    def work(self):
        """Milliseconds of CPU that what is seen of the page has taken since `measure_work`."""
        measured = {one["name"]: one["value"] for one in self._command("Performance.getMetrics")["metrics"]}
        return round(measured["TaskDuration"] * 1000)

    def slow_down(self, times):
        self._command("Emulation.setCPUThrottlingRate", rate=times)

    def open(self, url):
        self._driver.switch_to.window(self._handle)
        self._driver.get(url)

    def reload(self):
        self._driver.switch_to.window(self._handle)
        self._driver.refresh()

    def close(self):
        self._driver.switch_to.window(self._handle)
        self._driver.close()
        self._driver.switch_to.window(self._driver.window_handles[0])

    def run(self, script, *arguments):
        """What the body of a function of JavaScript returns; `arguments` are its `arguments`."""
        self._driver.switch_to.window(self._handle)
        return self._driver.execute_script(script, *arguments)

    def run_async(self, script, *arguments):
        """Likewise, but what it gives to its last argument, a function."""
        self._driver.switch_to.window(self._handle)
        self._driver.set_script_timeout(10 * SECONDS)
        return self._driver.execute_async_script(script, *arguments)

    def until(self, expression, *arguments):
        """Wait until an expression of JavaScript is true; its value."""
        deadline = time.monotonic() + SECONDS
        while True:
            found = self.run("return " + expression, *arguments)
            if found:
                return found
            assert time.monotonic() < deadline, "it did not come to %s %r; the page shows:\n%s\nwrong: %s" % (
                expression, arguments, self.run("return document.body.innerText"), self.wrongs())
            time.sleep(0.03)

    def keys(self, *keys):
        """Press keys, wherever the focus is."""
        self._driver.switch_to.window(self._handle)
        ActionChains(self._driver).send_keys(*keys).perform()

    def chord(self, *keys):
        """Press keys at once."""
        self._driver.switch_to.window(self._handle)
        chain = ActionChains(self._driver)
        for key in keys:
            chain.key_down(key)
        for key in reversed(keys):
            chain.key_up(key)
        chain.perform()

    def click(self, selector):
        self.until("document.querySelector(arguments[0])?.checkVisibility()", selector)
        self._driver.switch_to.window(self._handle)
        self._driver.find_element("css selector", selector).click()

    def saved_by(self, script):
        """[name, type, SHA-256] of what a script has the browser save; the headless shell would not save it."""
        return self.run_async(_SAVE + script)

    def choose(self, path):
        """Send a file, as by the button."""
        self._driver.switch_to.window(self._handle)
        self._driver.find_element("css selector", "#file").send_keys(str(path))

    def picture(self, path):
        self._driver.switch_to.window(self._handle)
        self._driver.save_screenshot(path)

    def wrongs(self):
        """What went against the policy, errors, and what ran that should not."""
        return self.run("return [...(window.wrongs || []), ...(window.ran || [])]")

    # ---- the page

    def enter(self, url, name, password=""):
        """Come in by the door."""
        self.open(url)
        self.until("document.getElementById('enter')?.checkVisibility() && document.activeElement.id === 'name'")
        self.run("document.getElementById('name').select()")
        self.keys(name, "\ue004", password, "\ue007")
        self.until("document.getElementById('talk').checkVisibility()"
                   " && document.getElementById('me').textContent.includes(arguments[0])", name)
        self.until("document.getElementById('composer').checkVisibility()")

    def go(self, name):
        """Open a conversation, as a link to it does."""
        self.run("location.hash = arguments[0].startsWith('#') ? '#' + encodeURIComponent(arguments[0].slice(1))"
                 " : '#@' + encodeURIComponent(arguments[0])", name)
        self.until("document.getElementById('title').textContent === arguments[0]"
                   " && document.getElementById('composer').checkVisibility()", name)

    def say(self, text):
        self.run("document.getElementById('text').focus()")
        self.keys(text, "\ue007")

    def texts(self):
        """What is shown of the open conversation: [name, text] of each message, whose name may stand further up."""
        return self.run("return [...document.querySelectorAll('#rows .message')].map((row) =>"
                        " [row.querySelector('bdi').textContent, row.querySelector('.said').textContent])")

    def until_shown(self, text):
        self.until("[...document.querySelectorAll('#rows .message:not(.waiting) .said')]"
                   ".some((said) => said.textContent === arguments[0])", text)
