"""Many clients at once against `rast-eval serve`, and what is left of it after SIGTERM and after -9.

    python tools/bench/serve_load.py                              200 clients for a minute; a line of JSON

The embedded composite on vLLM: a few prompts are continued greedily one by one, then by all clients again and again.
Counted are answers that are errors or other texts; memory is that of the process that answers and of all below it
(PSS), looked at after each eighth of the time. Each of the two servers ends in its own way: its processes must be
gone, and its port.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp

MODELS = ["--base", "tiny-m", "--delta", "tiny-s:0.8"]
PROMPTS = [f"Q: Tom has {20 + i} coins. Mon buys {2 + i % 5} bags of 7. How many?\nA:" for i in range(8)]
START_S, ANSWER_S = 400, 300


def processes(below: int) -> list[int]:
    """The process and all below it, also of other groups; the server leads a group of its own."""
    found = [below]
    with suppress(OSError):
        for child in Path(f"/proc/{below}/task/{below}/children").read_text().split():
            found += processes(int(child))
    return found


def alive(pids: list[int]) -> list[int]:
    """Those that run still; one that nobody has waited for does not count."""
    found = []
    for pid in pids:
        with suppress(OSError):
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX":
                found.append(pid)
    return found


def memory(pids: list[int]) -> int:
    """Bytes that the processes hold, shared pages divided among their users."""
    total = 0
    for pid in pids:
        with suppress(OSError):
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            total += sum(1024 * int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total


def started(port: int, log: Path) -> subprocess.Popen[bytes]:
    """`rast-eval serve`, once it answers."""
    command = [sys.executable, "-m", "rast_eval", "serve", *MODELS, "--port", str(port), "--dtype", "float32"]
    with log.open("ab") as sink:
        serve = subprocess.Popen([*command, "--max-model-len", "512"], stdout=sink, stderr=sink)
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and serve.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return serve
        time.sleep(0.5)
    sys.exit(f"the server did not start: {log.read_text()[-2000:]}")


def ended(serve: subprocess.Popen[bytes], number: signal.Signals, port: int) -> float:
    """Seconds from the signal until no process of the server runs and its port is free."""
    pids = processes(serve.pid)
    began = time.monotonic()
    serve.send_signal(number)
    serve.wait()
    while alive(pids):
        time.sleep(0.05)
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0, "the port is held"
    return round(time.monotonic() - began, 1)


async def ask(session: aiohttp.ClientSession, port: int, prompt: str, tokens: int) -> str:
    """One greedy continuation."""
    asked = {"model": "rast", "prompt": prompt, "temperature": 0, "max_tokens": tokens}
    async with session.post(f"http://127.0.0.1:{port}/v1/completions", json=asked) as answer:
        answer.raise_for_status()
        return str((await answer.json())["choices"][0]["text"])


async def load(port: int, pids: list[int], clients: int, seconds: float, tokens: int) -> dict[str, Any]:
    """All clients until the time is over; what they were told, and the server's memory meanwhile."""
    timeout, connector = aiohttp.ClientTimeout(total=ANSWER_S), aiohttp.TCPConnector(limit=0)
    told: Counter[str] = Counter()
    async with aiohttp.ClientSession(timeout=timeout, connector=connector) as session:
        alone = [await ask(session, port, prompt, tokens) for prompt in PROMPTS]
        began = time.monotonic()

        async def client(index: int) -> None:
            while time.monotonic() < began + seconds:
                which = (index + told.total()) % len(PROMPTS)
                try:
                    text = await ask(session, port, PROMPTS[which], tokens)
                    told["same" if text == alone[which] else "other"] += 1
                except (TimeoutError, aiohttp.ClientError) as error:
                    told[type(error).__name__] += 1

        async def watch() -> list[list[int]]:
            seen = []
            for _ in range(8):
                await asyncio.sleep(seconds / 8)
                seen.append([round(memory(some) / 2**20) for some in (pids[:1], pids[1:])])
            return seen

        watching = asyncio.create_task(watch())
        await asyncio.gather(*map(client, range(clients)))
        server, engine = zip(*await watching, strict=True)
        took = round(time.monotonic() - began, 1)
        return {"answers": dict(told), "seconds": took, "MiB of the server": server, "of the engine": engine}


def main() -> None:
    """Load one server, end it with SIGTERM, and another with SIGKILL."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--tokens", type=int, default=32)
    parser.add_argument("--log", type=Path, default=Path("serve_load.log"))
    asked = parser.parse_args()
    os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    serve = started(port, asked.log)
    found = asyncio.run(load(port, processes(serve.pid), asked.clients, asked.seconds, asked.tokens))
    found = {"clients": asked.clients, "tokens": asked.tokens, **found}
    found["seconds after SIGTERM"] = ended(serve, signal.SIGTERM, port)
    found["seconds after -9"] = ended(started(port, asked.log), signal.SIGKILL, port)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
