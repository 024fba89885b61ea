"""`gateway try`: what `make run` shows a person."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import pytest

from tests.integration.gateway_process import free_port


async def start_trial(directory: Path, *arguments: str) -> asyncio.subprocess.Process:
    port = free_port()
    runtime = directory / "run"
    runtime.mkdir(mode=0o700)
    chosen = {
        "GATEWAY__HTTP__LISTEN": json.dumps([f"127.0.0.1:{port}"]),
        "GATEWAY__MEDIA__UDP": json.dumps([f"127.0.0.1:{port}"]),
        "GATEWAY__MANAGEMENT__LISTEN": f"127.0.0.1:{free_port()}",
        "GATEWAY__DATAPATH__RUNTIME_DIRECTORY": str(runtime),
    }
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway", "try", *arguments),
        env={**os.environ, **chosen},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )


@pytest.mark.timeout(60)
async def test_one_real_call_is_made_and_told_with_its_stages(tmp_path: Path) -> None:
    trial = await start_trial(tmp_path, "--once")
    out, _ = await trial.communicate()
    text = out.decode()
    assert trial.returncode == 0, text
    assert "The call worked." in text
    assert all(stage in text for stage in ("joined", "first sound", "first picture"))
    assert "#token=" not in text


@pytest.mark.timeout(60)
async def test_after_the_call_it_stays_with_two_links_until_a_signal(tmp_path: Path) -> None:
    trial = await start_trial(tmp_path)
    assert trial.stdout is not None
    links: list[str] = []
    while len(links) < 2:
        line = (await trial.stdout.readline()).decode()
        assert line, "it ended before it printed its links"
        links += [line] if "/try/#token=" in line else []
    assert "doctor" in links[0]
    assert "patient" in links[1]
    trial.send_signal(signal.SIGINT)
    await trial.communicate()
    assert trial.returncode == 0
