"""Every format of a time in the rate-limit headers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from provider_doubles import iso, javascript, rfc

from sequence_sync.provider.rate_limit import RateLimitInfo, parse_rate_limit, retry_after

WALL = 1_795_500_000.0  # a whole second


@pytest.mark.parametrize(
    ("reset", "latest", "slack"),
    [
        (iso(WALL + 12.345), 12.345, 0.0),
        (iso(WALL + 12.345).replace("Z", "+00:00"), 12.345, 0.0),
        (str(int((WALL + 12.345) * 1000)), 12.345, 0.0),
        (f"{WALL + 12.25:.2f}", 12.25, 0.0),
        ("12.5", 12.5, 0.0),
        ("12", 12.0, 1.0),
        ("0", 0.0, 1.0),
        (javascript(WALL + 12), 13.0, 2.0),
        (javascript(WALL + 12).replace(" (Coordinated Universal Time)", ""), 13.0, 2.0),
        (rfc(WALL + 12), 13.0, 2.0),
        (str(int(WALL + 12)), 13.0, 2.0),
        (iso(WALL - 5), 0.0, 0.0),
    ],
)
def test_a_reset_is_never_too_early_and_has_its_rounding_as_slack(reset: str, latest: float, slack: float) -> None:
    reported = parse_rate_limit({"x-ratelimit-reset": reset}, WALL)
    assert reported.reset_in == pytest.approx(latest, abs=2e-3)
    assert reported.slack == slack


def test_a_javascript_date_in_another_zone_is_the_same_time() -> None:
    here = javascript(WALL + 3600 + 5).replace("GMT+0000 (Coordinated Universal Time)", "GMT+0100 (CET)")
    assert parse_rate_limit({"x-ratelimit-reset": here}, WALL).reset_in == pytest.approx(6.0)


@pytest.mark.parametrize("nonsense", ["", "soon", "-5", "NaN", "1e400", "9" * 400, "Tue Foo 99 2026 10:00:00 GMT+0000"])
def test_invalid_times_are_ignored(nonsense: str) -> None:
    headers = {"x-ratelimit-reset": nonsense, "retry-after": nonsense, "x-ratelimit-remaining": nonsense}
    assert parse_rate_limit(headers, WALL) == RateLimitInfo()
    assert retry_after(headers, WALL, limited=True) is None


def test_times_in_the_far_future_are_ignored() -> None:
    assert parse_rate_limit({"x-ratelimit-reset": iso(WALL + 400 * 86_400)}, WALL).reset_in is None


def test_the_smallest_of_several_remaining_numbers_counts() -> None:
    reported = parse_rate_limit({"x-ratelimit-remaining": "280, 19", "x-ratelimit-limit": "20"}, WALL)
    assert (reported.remaining, reported.limit) == (19, 20)


def test_times_are_relative_to_the_servers_date_if_the_local_clock_is_wrong() -> None:
    headers = {"date": rfc(WALL), "x-ratelimit-reset": iso(WALL + 12.5)}
    away, here = parse_rate_limit(headers, WALL + 3600), parse_rate_limit(headers, WALL + 0.5)
    assert (away.reset_in, away.slack) == (pytest.approx(12.5, abs=2e-3), 1.0)
    assert (here.reset_in, here.slack) == (pytest.approx(12.0, abs=2e-3), 0.0)


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"retry-after": "13"}, 13.0),
        ({"retry-after": rfc(WALL + 13)}, 14.0),
        ({"retry-after": "13", "x-ratelimit-reset": iso(WALL + 12.345)}, 12.345),
        ({"retry-after": "30", "x-ratelimit-reset": iso(WALL + 12.345)}, 30.0),
        ({"retry-after": "13", "x-ratelimit-reset": rfc(WALL + 12)}, 13.0),
        ({"x-ratelimit-reset": iso(WALL + 12.345)}, 12.345),
    ],
)
def test_an_exact_reset_overrides_only_a_retry_after_that_rounds_it(headers: dict[str, str], wait: float) -> None:
    assert retry_after(headers, WALL, limited=True) == pytest.approx(wait, abs=2e-3)


@given(st.floats(0, 3600), st.sampled_from([iso, javascript, rfc, lambda wall: str(int(wall))]))
def test_no_call_is_sent_before_the_reset_in_any_format(seconds: float, spell: object) -> None:
    reported = parse_rate_limit({"x-ratelimit-reset": spell(WALL + seconds)}, WALL)  # type: ignore[operator]
    assert reported.reset_in is not None
    assert seconds - 1e-6 <= reported.reset_in <= seconds + 2.001


@given(st.text(max_size=40))
def test_any_header_text_is_parsed_without_an_error(text: str) -> None:
    parse_rate_limit({"x-ratelimit-reset": text, "x-ratelimit-remaining": text, "date": text}, WALL)
    retry_after({"retry-after": text}, WALL, limited=True)


def test_a_reset_asks_for_a_wait_only_in_a_refusal() -> None:
    reset = {"x-ratelimit-reset": "2026-11-24T00:01:00.000Z"}
    assert retry_after(reset, WALL, limited=False) is None
    assert retry_after({**reset, "retry-after": "7"}, WALL, limited=False) == pytest.approx(7)
