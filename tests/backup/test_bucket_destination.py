"""The emergency backup in a bucket, on a small real server of the S3 protocol that keeps its objects as files."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from actions.checks.backup import CheckBackup
from actions.destinations import s3
from actions.destinations.destination_choice import destination_of
from actions.destinations.s3 import Bucket, BucketWriter
from actions.emergency_backup import EmergencyBackup
from actions.validate_backup import ValidateBackup
from midwatch.api.action import Context
from midwatch.runbook.targets import Target
from midwatch.system.errors import BadInput, MidwatchError
from tests.backup.local_store import Store, local_store

pytestmark = pytest.mark.postgres


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with local_store(tmp_path / "store") as found:
        yield found


@pytest.fixture
def away(context: Context, tmp_path: Path) -> Context:
    places = {"emergency": "s3://safe/prod", "remote_manifests": str(tmp_path / "kept")}
    return replace(context, runbook=replace(context.runbook, locations={**context.runbook.locations, **places}))


def test_saved_validated_and_counted_in_a_bucket(arp: Target, away: Context, store: Store) -> None:
    before, action = datetime.now(UTC), EmergencyBackup(arp)
    plan = action.plan(away)
    assert plan.refusal == ""
    outcome = action.apply(away, plan)
    (name,) = store.objects()
    assert outcome.values["path"] == f"s3://safe/{name}"
    assert name.startswith("prod/arp-prod-")
    assert action.verify(away, before).ok
    validate = ValidateBackup(path=outcome.values["path"], restore=True)
    verdict = validate.apply(away, validate.plan(away))
    assert (verdict.ok, verdict.values["depth"]) == (True, "5"), verdict.summary
    assert CheckBackup(arp, emergency=True).evaluate(away).ok
    data = bytearray((store.folder / "safe" / name).read_bytes())
    data[len(data) // 2] ^= 1
    (store.folder / "safe" / name).write_bytes(data)
    assert "SHA-256" in CheckBackup(arp, emergency=True).evaluate(away).summary


def sent(place: Bucket, *pieces: bytes) -> BucketWriter:
    writing = place.open("x.sql.gz")
    for piece in pieces:
        writing.write(piece)
    return writing


def test_several_parts_make_one_object_and_nothing_shows_before(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3, "PART", 5 << 20)
    pieces = [os.urandom(3 << 20) for _ in range(5)]
    writing = sent(Bucket("safe"), *pieces)
    assert store.objects() == []
    whole = b"".join(pieces)
    writing.commit(len(whole), hashlib.sha256(whole).hexdigest())
    writing.abort()
    assert (store.folder / "safe" / "x.sql.gz").read_bytes() == whole


def test_aborted_upload_leaves_neither_object_nor_parts(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3, "PART", 1 << 20)
    writing = sent(Bucket("safe"), b"x" * (2 << 20))
    assert store.uploads()
    writing.abort()
    assert (store.objects(), store.uploads()) == ([], [])


def test_store_that_ends_in_mid_stream_publishes_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3, "PART", 1 << 20)
    writing = sent(Bucket("safe"), b"x" * (2 << 20))
    store.stop()
    with pytest.raises(MidwatchError, match=r"cannot be reached.*, after"):
        writing.write(b"x" * (2 << 20))
    writing.abort()
    assert store.objects() == []


def test_object_that_is_there_is_never_replaced(store: Store) -> None:
    (store.folder / "safe" / "x.sql.gz").write_text("earlier")
    writing = sent(Bucket("safe"), b"new")
    with pytest.raises(MidwatchError, match="has a file of that name already"):
        writing.commit(3, hashlib.sha256(b"new").hexdigest())
    writing.abort()
    assert (store.folder / "safe" / "x.sql.gz").read_text() == "earlier"


def test_why_a_bucket_is_passed_over_is_said(arp: Target, away: Context, store: Store) -> None:
    assert "There is no bucket missing" in EmergencyBackup(arp, destination=("s3://missing/x",)).plan(away).refusal
    store.stop()
    assert "s3://safe cannot be reached" in EmergencyBackup(arp, destination=("s3://safe",)).plan(away).refusal
    with pytest.raises(BadInput):
        destination_of(away.runbook, "s3://")


def test_bucket_without_boto3_or_credentials_says_so(
    arp: Target, away: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", "/nonexistent")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    assert "no credentials for s3://safe" in EmergencyBackup(arp, destination=("s3://safe",)).plan(away).refusal
    monkeypatch.setitem(sys.modules, "botocore.exceptions", None)
    assert "boto3, which is not installed" in EmergencyBackup(arp, destination=("s3://safe",)).plan(away).refusal


def test_plan_is_bound_to_the_store_of_the_bucket(arp: Target, away: Context, store: Store) -> None:
    assert (
        EmergencyBackup(arp).plan(away).bindings["destination"] == f"s3://safe/prod at {os.environ['AWS_ENDPOINT_URL']}"
    )
