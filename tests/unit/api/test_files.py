"""Files: what WooshPay tells of one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from wooshpay.api.files import File
from wooshpay.core.codec import structure

Example = Callable[[str], dict[str, Any]]


def test_a_file_counts_in_seconds_and_is_kept_for_270_days(example: Example) -> None:
    file = File.from_dict(example("file_whole"))
    assert file.created_at == datetime(2022, 11, 18, 11, 11, 2, tzinfo=UTC)
    assert file.created_at is not None
    assert file.expires_time == file.created_at + timedelta(days=270)


def test_a_file_tells_its_kind_size_and_address(example: Example) -> None:
    file = File.from_dict(example("file_whole"))
    assert (file.type, file.size, file.filename, file.purpose) == ("png", 9863, "receipt.png", "dispute_evidence")
    assert file.url == "https://apitest.wooshpay.com/v1/files/file_1673896475416854528/contents"


def test_a_file_may_stay_for_ever_and_have_no_title() -> None:
    file = File.from_dict({"id": "file_1", "expires_at": None, "title": None})
    assert (file.expires_at, file.expires_time, file.title) == (None, None, None)


def test_a_purpose_of_tomorrow_is_kept() -> None:
    assert File.from_dict({"purpose": "portrait"}).purpose == "portrait"


def test_strict_reading_accepts_a_documented_answer(example: Example) -> None:
    assert structure(example("file_whole"), File, strict=True).to_dict() == example("file_whole")
