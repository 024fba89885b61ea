"""Which tokens are believed, what they grant, and why the others are refused."""

import datetime
import time
from dataclasses import FrozenInstanceError

import pytest
from livekit.api import VideoGrants

from gateway.auth import Cause, Grant, Kind, Limits, Refusal, Source, authenticate, verify
from tests.auth.tokens import KEY, KEYS, NOW_S, SECRET, claims, part, sdk_token, token, video


def granted(made: str, now_s: float = NOW_S) -> Grant:
    grant = verify(made, KEYS, now_s)
    assert isinstance(grant, Grant), grant
    return grant


def refused(made: str | None, now_s: float = NOW_S) -> Cause:
    refusal = verify(made, KEYS, now_s)
    assert isinstance(refusal, Refusal), refusal
    return refusal.cause


class TestTokensOfSdks:
    def test_a_token_of_the_python_sdk_grants_what_it_says(self) -> None:
        grants = VideoGrants(
            room_join=True,
            room="consultation",
            can_publish_sources=["camera", "microphone"],
            can_update_own_metadata=True,
        )
        made = sdk_token(grants).with_name("Dr. Who").with_metadata("{}").with_kind("agent")
        grant = granted(made.with_attributes({"role": "doctor"}).to_jwt(), time.time())
        assert (grant.identity, grant.name, grant.metadata) == ("doctor", "Dr. Who", "{}")
        assert grant.attributes == {"role": "doctor"}
        assert (grant.room, grant.issuer, grant.kind) == ("consultation", KEY, Kind.AGENT)
        assert grant.can_publish_sources == frozenset({Source.CAMERA, Source.MICROPHONE})
        assert grant.can_update_own_metadata

    def test_an_expired_token_of_the_python_sdk_is_refused(self) -> None:
        made = sdk_token().with_ttl(datetime.timedelta(seconds=-61)).to_jwt()
        assert refused(made, time.time()) is Cause.EXPIRED

    @pytest.mark.filterwarnings("ignore:The HMAC key")
    def test_the_development_key_verifies_without_a_warning(
        self, recwarn: pytest.WarningsRecorder
    ) -> None:
        made = sdk_token(secret="secret").to_jwt()
        recwarn.clear()
        assert isinstance(verify(made, {KEY: "secret"}, time.time()), Grant)
        assert not recwarn.list


class TestGrants:
    def test_unset_permissions_have_the_defaults_of_livekit(self) -> None:
        grant = granted(token(claims()))
        assert grant.can_publish
        assert grant.can_subscribe
        assert grant.can_publish_data
        assert grant.can_publish_sources is None
        assert not grant.can_update_own_metadata
        assert not grant.room_admin
        assert grant.kind is Kind.STANDARD

    def test_data_follows_publishing_unless_it_is_set(self) -> None:
        assert not granted(token(video(canPublish=False))).can_publish_data
        grant = granted(token(video(canPublish=False, canPublishData=True)))
        assert grant.can_publish_data

    def test_an_empty_list_of_sources_means_all_of_them(self) -> None:
        assert granted(token(video(canPublishSources=[]))).may_publish(Source.CAMERA)

    def test_a_list_of_sources_is_the_whole_list(self) -> None:
        grant = granted(token(video(canPublishSources=["MICROPHONE", "telepathy"])))
        assert grant.may_publish(Source.MICROPHONE)
        assert not grant.may_publish(Source.CAMERA)
        assert not grant.may_publish(None)

    def test_sources_do_not_allow_what_can_publish_forbids(self) -> None:
        made = video(canPublish=False, canPublishSources=["camera"])
        assert not granted(token(made)).may_publish(Source.CAMERA)

    def test_jti_is_the_identity_when_there_is_no_subject(self) -> None:
        assert granted(token(claims(sub=None, jti="nurse"))).identity == "nurse"

    def test_a_kind_that_is_not_known_counts_as_standard(self) -> None:
        assert granted(token(claims(kind="hologram"))).kind is Kind.STANDARD

    def test_either_of_two_keys_verifies_so_that_keys_rotate(self) -> None:
        assert granted(token(claims(iss="other"), KEYS["other"])).issuer == "other"

    def test_a_grant_does_not_change(self) -> None:
        with pytest.raises(FrozenInstanceError):
            granted(token(claims())).room = "elsewhere"  # type: ignore[misc]

    def test_a_token_without_room_join_is_still_authentic(self) -> None:
        made = token(claims(video={"roomAdmin": True}))
        assert not isinstance(authenticate(made, KEYS, NOW_S), Refusal)


class TestSignature:
    @pytest.mark.parametrize("made", [None, ""])
    def test_no_token_is_refused(self, made: str | None) -> None:
        assert refused(made) is Cause.MISSING_TOKEN

    @pytest.mark.parametrize(
        "made",
        [
            "nonsense",
            "a.b",
            "..",
            "a.b.c.d",
            "é.b.c",
            "\ud800.b.c",
            token(claims(), header=["HS256"]),
            f"{part(b'[' * 24_000)}.{part({})}.x",
            token("text"),
            token(b'{"a":' * 4_800),
            token(b"9" * 9_000),
            token(b'{"exp":NaN}'),
            token(claims()) + "=",
            token(claims()) + "\n",
            token(claims(), header={"alg": "HS256", "crit": ["exp"], "exp": 1}),
            token(claims(), header={"alg": "HS256", "b64": False}),
        ],
        ids=lambda made: repr(made[:12]),
    )
    def test_what_is_no_compact_jwt_is_refused(self, made: str) -> None:
        assert refused(made) is Cause.MALFORMED_TOKEN

    @pytest.mark.parametrize("name", ["none", "None", "", "hs256", "HS512", "RS256", "ES256", None])
    def test_every_algorithm_but_hs256_is_refused(self, name: str | None) -> None:
        assert refused(token(claims(), header={"alg": name})) is Cause.WRONG_ALGORITHM

    def test_a_token_without_signature_is_refused(self) -> None:
        unsigned = f"{part({'alg': 'none'})}.{part(claims())}."
        assert refused(unsigned) is Cause.WRONG_ALGORITHM

    def test_another_digest_under_the_name_hs256_is_refused(self) -> None:
        assert refused(token(claims(), digest="sha512")) is Cause.WRONG_SIGNATURE

    @pytest.mark.parametrize("issuer", ["stranger", "", None, 7, ["platform"]])
    def test_a_key_that_is_not_in_the_settings_is_refused(self, issuer: object) -> None:
        assert refused(token(claims(iss=issuer))) is Cause.UNKNOWN_KEY

    def test_the_secret_of_another_key_is_refused(self) -> None:
        assert refused(token(claims(), KEYS["other"])) is Cause.WRONG_SIGNATURE

    def test_a_public_key_as_secret_is_the_operators_fault_not_a_way_in(self) -> None:
        pem = "-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----\n"
        refusal = verify(token(claims(), pem), {KEY: pem}, NOW_S)
        assert refusal == Refusal(Cause.UNUSABLE_SECRET)

    def test_a_token_above_the_bound_is_refused_unread(self) -> None:
        limits = Limits(token_bytes=100)
        refusal = verify(token(claims()), KEYS, NOW_S, limits=limits)
        assert refusal == Refusal(Cause.TOKEN_TOO_LONG)


class TestTime:
    def test_a_token_expires_a_leeway_after_exp(self) -> None:
        made = token(claims(exp=NOW_S))
        assert granted(made, NOW_S + 59.9).expires_s == NOW_S
        assert refused(made, NOW_S + 60) is Cause.EXPIRED

    def test_a_token_is_valid_a_leeway_before_nbf(self) -> None:
        made = token(claims(nbf=NOW_S))
        assert granted(made, NOW_S - 60).not_before_s == NOW_S
        assert refused(made, NOW_S - 60.1) is Cause.NOT_YET_VALID

    def test_a_token_without_exp_is_refused(self) -> None:
        assert refused(token(claims(exp=None))) is Cause.NO_EXPIRY

    @pytest.mark.parametrize("name", ["exp", "nbf"])
    @pytest.mark.parametrize("value", ["soon", True, [], {}, 10**400])
    def test_a_time_that_is_no_number_is_refused(self, name: str, value: object) -> None:
        assert refused(token(claims(**{name: value}))) is Cause.MALFORMED_CLAIMS

    def test_a_time_beyond_any_float_is_refused(self) -> None:
        raw = b'{"iss":"platform","sub":"doctor","exp":1e999}'
        assert refused(token(raw)) is Cause.MALFORMED_CLAIMS


class TestAdmission:
    @pytest.mark.parametrize(
        ("payload", "cause", "status"),
        [
            (claims(video=None), Cause.NO_ROOM_JOIN, 401),
            (video(roomJoin=None), Cause.NO_ROOM_JOIN, 401),
            (video(roomJoin=False), Cause.NO_ROOM_JOIN, 401),
            (video(room=""), Cause.NO_ROOM, 400),
            (video(room=None), Cause.NO_ROOM, 400),
            (video(room="r" * 257), Cause.ROOM_TOO_LONG, 400),
            (claims(sub=""), Cause.NO_IDENTITY, 400),
            (claims(sub=None), Cause.NO_IDENTITY, 400),
            (claims(sub="é" * 129), Cause.IDENTITY_TOO_LONG, 400),
            (claims(name="n" * 257), Cause.NAME_TOO_LONG, 400),
            (video(hidden=True), Cause.HIDDEN, 403),
            (video(recorder=True), Cause.RECORDER, 403),
            (claims(kind="egress"), Cause.RECORDER, 403),
        ],
    )
    def test_a_grant_that_admits_nobody_is_refused(
        self, payload: object, cause: Cause, status: int
    ) -> None:
        assert refused(token(payload)) is cause
        assert cause.status == status

    def test_metadata_and_attributes_are_bounded(self) -> None:
        limits = Limits(metadata_bytes=10, attributes_bytes=10)
        long = verify(token(claims(metadata="m" * 11)), KEYS, NOW_S, limits=limits)
        assert long == Refusal(Cause.METADATA_TOO_LONG)
        many = verify(token(claims(attributes={"a": "é" * 5})), KEYS, NOW_S, limits=limits)
        assert many == Refusal(Cause.ATTRIBUTES_TOO_LONG)

    @pytest.mark.parametrize(
        "payload",
        [
            claims(video=[]),
            claims(video="all"),
            video(roomJoin="true"),
            video(roomJoin=1),
            video(room=7),
            video(canPublish="no"),
            video(canPublishSources="camera"),
            video(canPublishSources=[1]),
            claims(sub=7),
            claims(name=[]),
            claims(kind={}),
            claims(attributes=[]),
            claims(attributes={"role": 1}),
            claims(metadata="\ud800"),
            claims(attributes={"\ud800": ""}),
        ],
    )
    def test_a_claim_of_the_wrong_type_is_refused(self, payload: object) -> None:
        assert refused(token(payload)) is Cause.MALFORMED_CLAIMS


class TestSecrecy:
    def test_every_cause_has_a_sentence_and_a_status_that_clients_take_well(self) -> None:
        assert len({cause.label for cause in Cause}) == len(Cause)
        for cause in Cause:
            assert cause.status in {400, 401, 403, 500}
            assert cause.sentence.endswith(".")
            assert "requested room does not exist" not in cause.sentence

    def test_reprs_show_no_personal_data(self) -> None:
        made = token(claims(sub="doctor", name="Dr. Who", metadata="dx", attributes={"a": "flu"}))
        text = repr(granted(made))
        for secret in ("doctor", "Dr. Who", "dx", "flu", "consultation", SECRET, made):
            assert secret not in text
        assert made not in repr(verify(made, {}, NOW_S))
