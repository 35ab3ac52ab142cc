"""A real browser, headless, spoken to over its debugging pipe: keys, clicks, sizes, colour schemes, screenshots."""

import base64
import json
import os
import shutil
import subprocess
import time
from contextlib import contextmanager

import pytest

WAIT = 20


class Browser:
    """One tab of Chromium."""

    def __init__(self, into, out):
        self._into, self._out, self._count, self._session = into, out, 0, None
        self.problems = []
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self._call(f"{domain}.enable")

    def _call(self, method, **facts):
        self._count += 1
        message = {"id": self._count, "method": method, "params": facts}
        message |= {"sessionId": self._session} if self._session else {}
        self._into.write(json.dumps(message).encode() + b"\0")
        self._into.flush()
        while True:
            answer = json.loads(self._read())
            if answer.get("id") == self._count:
                assert "error" not in answer, answer
                return answer["result"]
            if answer.get("method") in ("Runtime.exceptionThrown", "Log.entryAdded"):
                self.problems.append(json.dumps(answer["params"])[:600])

    def _read(self):
        found = bytearray()
        while (byte := self._out.read(1)) not in (b"\0", b""):
            found += byte
        return found

    def open(self, url, ready="document.body?.classList.contains('ready')"):
        self._call("Page.navigate", url="about:blank")
        self.problems = []
        self._call("Page.navigate", url=url)
        self.wait(ready)

    def look(self, script):
        """The value of an expression in the page."""
        found = self._call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def wait(self, script):
        """Until an expression is true."""
        end = time.monotonic() + WAIT
        while not self.look(f"Boolean({script})"):
            assert time.monotonic() < end, (script, self.problems, self.look("document.body.innerText")[:2000])
            time.sleep(0.05)

    def key(self, key):
        text = {"text": key} if len(key) == 1 else {}
        self._call("Input.dispatchKeyEvent", type="keyDown", key=key, **text)
        self._call("Input.dispatchKeyEvent", type="keyUp", key=key)

    def type(self, text):
        self._call("Input.insertText", text=text)

    def click(self, selector):
        self.wait(f"document.querySelector({json.dumps(selector)})")
        self.look(f"document.querySelector({json.dumps(selector)}).click()")

    def size(self, width, height=900, dark=False):
        self._call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._call("Emulation.setEmulatedMedia", features=[scheme])

    def picture(self, file):
        file.write_bytes(base64.b64decode(self._call("Page.captureScreenshot", format="png")["data"]))


@contextmanager
def browser(folder):
    """A browser with a profile in `folder`; the test is skipped where there is none."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if not program:
        pytest.skip("no chromium is installed")
    (their_in, our_out), (our_in, their_out) = os.pipe(), os.pipe()
    flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe", "--no-first-run"]

    # The pipe is its file descriptors 3 and 4; ours may be those too.
    shell = ["bash", "-c", f'exec "$@" {{in}}<&{their_in} {{out}}>&{their_out} 3<&"$in" 4>&"$out"', "bash"]
    running = subprocess.Popen(
        [*shell, program, *flags, f"--user-data-dir={folder}"],
        pass_fds=(their_in, their_out),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(their_in)
    os.close(their_out)
    try:
        with os.fdopen(our_out, "wb") as into, os.fdopen(our_in, "rb") as out:
            yield Browser(into, out)
            into.write(json.dumps({"id": 0, "method": "Browser.close"}).encode() + b"\0")
            into.flush()
    finally:
        try:
            running.wait(10)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()
