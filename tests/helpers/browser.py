"""A page in headless Chromium, driven through ChromeDriver's own protocol (W3C WebDriver)."""

import base64
import json
import re
import shutil
import subprocess
import tempfile
import time
import urllib.request
from contextlib import contextmanager

__all__ = ["MISSING", "open_browser"]

_DRIVER = shutil.which("chromedriver")
_CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
# why the tests that need a browser are skipped, None when they are not
MISSING = None if _DRIVER and _CHROMIUM else "needs chromium and chromedriver (apt-get install)"
_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--disable-dev-shm-usage",
)


class Browser:
    """One window. A page's console and requests are kept from its opening on."""

    def __init__(self, address, folder):
        self.address = address
        options = {"binary": _CHROMIUM, "args": [*_FLAGS, f"--user-data-dir={folder}"]}
        wanted = {
            "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        }
        answer = self._send("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
        self.session = f"/session/{answer['sessionId']}"

    def _send(self, method, path, content=None):
        body = None if content is None else json.dumps(content).encode()
        request = urllib.request.Request(self.address + path, body, method=method)
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read())["value"]

    def run(self, script, *arguments):
        """The value of a JavaScript function's body."""
        content = {"script": script, "args": list(arguments)}
        return self._send("POST", f"{self.session}/execute/sync", content)

    def wait(self, script, seconds=60):
        """The value of a JavaScript function's body once it is true, an empty one in vain."""
        for _ in range(10 * seconds):
            found = self.run(script)
            if found:
                return found
            time.sleep(0.1)
        return found

    def _devtools(self, command, **params):
        content = {"cmd": command, "params": params}
        return self._send("POST", f"{self.session}/goog/cdp/execute", content)

    def _log(self, kind):
        return self._send("POST", f"{self.session}/se/log", {"type": kind})

    def size(self, width, height=900, dark=False, medium="screen"):
        """Set the window as a phone, a desk or a sheet of paper (`medium` "print") has it."""
        self._devtools(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._devtools("Emulation.setEmulatedMedia", features=[scheme], media=medium)

    def open(self, path, query=""):
        """Open a file, with what stands behind a question mark; the logs begin anew."""
        self._log("browser")
        self._log("performance")
        self._send(
            "POST",
            f"{self.session}/url",
            {"url": path.resolve().as_uri() + (query and f"?{query}")},
        )

    def console(self):
        """Warnings and errors since the page was opened."""
        return [entry["message"] for entry in self._log("browser")]

    def requests(self):
        """Addresses that were asked for since the page was opened, data: ones left out."""
        messages = [json.loads(entry["message"])["message"] for entry in self._log("performance")]
        asked = [
            message["params"]["request"]["url"]
            for message in messages
            if message["method"] == "Network.requestWillBeSent"
        ]
        return [address for address in asked if not address.startswith("data:")]

    def screenshot(self, path, whole=True):
        """Write what is seen as PNG, the whole length of the page or the window."""
        shot = self._devtools("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(shot["data"]))

    def close(self):
        self._send("DELETE", self.session)


@contextmanager
def open_browser():
    """A `Browser` of its own."""
    driver = subprocess.Popen(
        [_DRIVER, "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        port = None
        while port is None:
            line = driver.stdout.readline()
            if not line:
                raise RuntimeError("chromedriver ended before it listened")
            port = re.search(r"successfully on port (\d+)", line)
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            browser = Browser(f"http://127.0.0.1:{port[1]}", folder)
            yield browser
            browser.close()
    finally:
        driver.terminate()
        driver.wait()
        driver.stdout.close()
