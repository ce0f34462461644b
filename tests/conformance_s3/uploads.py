"""Multipart uploads, with the smallest parts that S3 takes."""

from typing import Any

from .world import S3World

SMALLEST_PART = b"p" * (5 << 20)  # EntityTooSmall says so: MinSizeAllowed 5242880


class Upload:
    """`parts` are the entries of CompleteMultipartUpload."""

    def __init__(self, world: S3World, bucket: str, key: str | None = None, **options: Any) -> None:
        self.s3 = world.s3
        self.at = {"Bucket": bucket, "Key": key or world.new_key()}
        self.upload = {**self.at, "UploadId": self.s3.create_multipart_upload(**self.at, **options)["UploadId"]}
        self.parts: list[dict[str, Any]] = []

    def put(self, body: bytes, number: int | None = None, **options: Any) -> dict[str, Any]:
        number = number or len(self.parts) + 1
        answer: dict[str, Any] = self.s3.upload_part(**self.upload, PartNumber=number, Body=body, **options)
        self.parts.append({"PartNumber": number, "ETag": answer["ETag"]})
        return answer

    def copy(self, source: dict[str, Any], **options: Any) -> dict[str, Any]:
        number = len(self.parts) + 1
        answer: dict[str, Any] = self.s3.upload_part_copy(
            **self.upload, PartNumber=number, CopySource=source, **options
        )["CopyPartResult"]
        self.parts.append({"PartNumber": number, "ETag": answer["ETag"]})
        return answer

    def complete(self, **options: Any) -> Any:
        return self.s3.complete_multipart_upload(**self.completion, **options)

    @property
    def completion(self) -> dict[str, Any]:
        return {**self.upload, "MultipartUpload": {"Parts": self.parts}}
