"""A page whose token is no good is told so at once, in the client's own words for it."""

import pytest

from tests.browser.conftest import Open
from tests.browser.tokens import mint
from tests.integration.gateway_process import GatewayProcess

pytestmark = [
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="package"),
    pytest.mark.timeout(60),
]

# "At once": no retry lies in between, which the client would do after a second.
AT_ONCE_MS = 1_000


@pytest.mark.parametrize(
    ("token", "word"),
    [
        pytest.param(
            mint("patient", "ward", secret="another secret of thirty-two bytes"),
            "signature",
            id="signature of another secret",
        ),
        pytest.param(mint("patient", "ward", key="nobody"), "key", id="unknown key"),
        pytest.param(mint("patient", "ward", hours=-1), "expired", id="expired"),
        pytest.param("not a token", "token", id="no token at all"),
    ],
)
async def test_a_wrong_token_is_not_allowed_at_once(
    running: GatewayProcess, visitor: Open, token: str, word: str
) -> None:
    page = await visitor("patient")
    answer = await page.join(running.http, token)
    assert answer.refusal == "NotAllowed", answer
    assert answer.status in (400, 401, 403)
    assert word in answer.message.lower()
    assert answer.took_ms < AT_ONCE_MS
