"""Tokens as npm `livekit-server-sdk` makes them, which is what most platforms mint with."""

import json
import subprocess
import time
from pathlib import Path

from gateway.auth import Grant, verify

WEB = Path(__file__).parents[2] / "web"
KEY, SECRET = "platform", "a-secret-of-at-least-thirty-two-bytes"

MINT = """
import { AccessToken } from "livekit-server-sdk";
const [key, secret, options, grant] = process.argv.slice(-1).map(JSON.parse)[0];
const token = new AccessToken(key, secret, options);
token.addGrant(grant);
console.log(await token.toJwt());
"""


def minted(options: dict[str, object], grant: dict[str, object]) -> str:
    """What the SDK prints for these options and this video grant."""
    arguments = json.dumps([KEY, SECRET, options, grant])
    command = ["node", "--input-type=module", "--eval", MINT, "--", arguments]
    done = subprocess.run(command, cwd=WEB, capture_output=True, text=True, check=True)
    return done.stdout.strip()


MICROPHONE = 2  # the SDK's TrackSource


def test_a_token_of_the_npm_sdk_is_admitted_with_what_it_grants() -> None:
    token = minted(
        {"identity": "dr-1", "name": "A", "attributes": {"role": "doctor"}, "ttl": "10m"},
        {"roomJoin": True, "room": "visit", "canPublishSources": [MICROPHONE]},
    )
    grant = verify(token, {KEY: SECRET}, time.time())
    assert isinstance(grant, Grant)
    assert (grant.identity, grant.room, grant.attributes) == ("dr-1", "visit", {"role": "doctor"})
    assert grant.can_publish
    assert grant.can_subscribe
    assert {source.name.lower() for source in grant.can_publish_sources or ()} == {"microphone"}


def test_a_hidden_participant_is_refused_whoever_minted_the_token() -> None:
    token = minted({"identity": "x"}, {"roomJoin": True, "room": "visit", "hidden": True})
    refusal = verify(token, {KEY: SECRET}, time.time())
    assert not isinstance(refusal, Grant)
    assert refusal.status == 403
