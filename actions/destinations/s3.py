"""Destination: a bucket of an S3-compatible store, through boto3 (`midwatch[s3]`).

Credentials, region and the address of a store that is not Amazon's (`AWS_ENDPOINT_URL`) are found as boto3 finds them.
An upload in parts is invisible until it is completed, so nothing has to be renamed: it is completed once the store has
confirmed every part's MD5, and counts once the object has the size that was sent.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any, cast

from actions.destinations.destination import Room
from midwatch.system.errors import BadInput, Failed, MidwatchError, OutcomeUnknown, Refused
from midwatch.system.units import size

PART = 16 << 20
"""Bytes of a part; larger once a thousand were sent, since a store takes ten thousand at most."""
CONNECT, READ = 10, 60
"""Seconds for a connection and for an answer."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket, and what the names in it begin with."""

    bucket: str
    prefix: str = ""
    has_local_manifest: bool = False

    def __str__(self) -> str:
        return f"s3://{self.bucket}{f'/{self.prefix}' if self.prefix else ''}"

    def location(self, name: str) -> str:
        """Return the address of an object in the bucket."""
        return f"{self}/{name}"

    def key(self, name: str) -> str:
        """The object's name in the bucket."""
        return f"{self.prefix}/{name}" if self.prefix else name

    def identity(self) -> str:
        """Return the bucket with the address of its endpoint."""
        return f"{self} at {self.client().meta.endpoint_url}"

    def room(self, expected: int) -> Room:
        """Require that the bucket exists and answers; its free space is not known."""
        with _explained(self):
            self.client().head_bucket(Bucket=self.bucket)
        return Room(f"{self} is there; a bucket does not tell how much it takes")

    def open(self, name: str) -> BucketWriter:
        """Return a writer for a new object."""
        return BucketWriter(self, name)

    @contextlib.contextmanager
    def read(self, name: str) -> Iterator[IO[bytes]]:
        """Open an object for reading."""
        with _explained(self):
            body = self.client().get_object(Bucket=self.bucket, Key=self.key(name))["Body"]
        with contextlib.closing(body), _explained(self):
            yield cast(IO[bytes], body)

    def size(self, name: str) -> int | None:
        """Return the size of an object in bytes; None when it does not exist."""
        with _explained(self):
            from botocore.exceptions import ClientError  # type: ignore[import-untyped]

            try:
                return int(self.client().head_object(Bucket=self.bucket, Key=self.key(name))["ContentLength"])
            except ClientError as error:
                if _code(error) in ("404", "NoSuchKey", "NotFound"):
                    return None
                raise

    def client(self) -> Any:
        """Talks to the store, each answer within a minute, three times at most. Raises `Refused` without boto3."""
        with _explained(self):
            from boto3.session import Session  # type: ignore[import-untyped]
            from botocore.config import Config  # type: ignore[import-untyped]

            settings = Config(
                connect_timeout=CONNECT,
                read_timeout=READ,
                retries={"mode": "standard", "total_max_attempts": 3},
                request_checksum_calculation="when_required",  # stores that are not Amazon's refuse the newer ones
                response_checksum_validation="when_required",
                s3={"payload_signing_enabled": True},  # the SHA-256 of each part is signed, and so checked there
            )
            return Session().client("s3", config=settings)  # one of its own: they are not shared by threads


class BucketWriter:
    """An upload in parts. One part is held in memory."""

    def __init__(self, place: Bucket, name: str) -> None:
        self._place, self._client = place, place.client()
        self._at = {"Bucket": place.bucket, "Key": place.key(name)}
        self._buffer, self._count, self._parts = bytearray(), 0, list[dict[str, Any]]()
        with _explained(place):
            self._upload = self._client.create_multipart_upload(**self._at)["UploadId"]
        self._open = True

    def write(self, data: bytes) -> None:
        """Append the data, and upload each full part."""
        self._buffer += data
        if len(self._buffer) >= max(PART, self._count // 1000):
            self._send()

    def commit(self, size: int, sha256: str) -> None:
        """Complete the upload."""
        if self._buffer or not self._parts:
            self._send()
        if self._count != size:
            raise Failed(f"{self._count} bytes went to {self._place}, not {size}", hint="Nothing was published")
        with _explained(self._place):
            self._client.complete_multipart_upload(
                **self._at, UploadId=self._upload, MultipartUpload={"Parts": self._parts}, IfNoneMatch="*"
            )
            self._open = False
            there = int(self._client.head_object(**self._at)["ContentLength"])
            if there != size:
                self._client.delete_object(**self._at)
                raise Failed(
                    f"{self._place} has {there} bytes of {size}",
                    hint="It was removed again; choose another destination",
                )

    def abort(self) -> None:
        """Abort the upload, so that no part remains."""
        if self._open:
            self._open = False
            with contextlib.suppress(MidwatchError), _explained(self._place):
                self._client.abort_multipart_upload(**self._at, UploadId=self._upload)

    def _send(self) -> None:
        part, number = bytes(self._buffer), len(self._parts) + 1
        digest = hashlib.md5(part, usedforsecurity=False)
        try:
            with _explained(self._place):
                told = self._client.upload_part(
                    **self._at,
                    UploadId=self._upload,
                    PartNumber=number,
                    Body=part,
                    ContentMD5=base64.b64encode(digest.digest()).decode(),
                )["ETag"]
        except MidwatchError as error:
            raise Failed(f"{error.sentence}, after {size(self._count)}", hint=error.hint) from error
        etag = str(told).strip('"')
        if len(etag) == 32 and "-" not in etag and etag != digest.hexdigest():
            raise Failed(
                f"{self._place} has another part {number} than was sent: its MD5 differs", hint="Nothing was published"
            )
        self._parts.append({"PartNumber": number, "ETag": told})
        self._count += len(part)
        self._buffer.clear()


def parse(text: str) -> Bucket:
    """Read `s3://bucket/prefix`. Raises `BadInput`."""
    bucket, _, prefix = text.removeprefix("s3://").partition("/")
    if not bucket or any(letter.isspace() for letter in bucket):
        raise BadInput(f"{text!r} names no bucket", hint="Write it like s3://bucket/folder")
    return Bucket(bucket, prefix.strip("/"))


def _code(error: Any) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


@contextlib.contextmanager
def _explained(place: Bucket) -> Iterator[None]:
    """Turns what boto3 raises into one sentence."""
    try:
        from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError
    except ImportError as error:
        raise Refused("A bucket needs boto3, which is not installed", hint="pip install 'midwatch[s3]'") from error
    try:
        yield
    except ClientError as error:
        code, said = _code(error), error.response.get("Error", {}).get("Message", "")
        if code in ("403", "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch"):
            raise Failed(f"{place} refuses: {code}", hint="Look at the rights of its key") from error
        if code in ("404", "NoSuchBucket"):
            raise Failed(f"There is no bucket {place.bucket}", hint="Name one that is there") from error
        if code == "PreconditionFailed":
            raise Failed(f"{place} has a file of that name already", hint="Run it again") from error
        raise Failed(f"{place} failed: {said or code}", hint="Choose another destination for the backup") from error
    except NoCredentialsError as error:
        hint = "Set them as boto3 reads them: AWS_PROFILE, or ~/.aws/credentials"
        raise Refused(f"There are no credentials for {place}", hint=hint) from error
    except BotoCoreError as error:
        raise OutcomeUnknown(
            f"{place} cannot be reached: {error}", hint="Choose another destination for the backup"
        ) from error
