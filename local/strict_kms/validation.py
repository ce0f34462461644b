"""Arguments of a call, checked and decoded by AWS's own service model (the one in botocore).

Messages quote the value as AWS does, but for blobs and grant tokens: those may be plaintexts and secrets.
"""

import base64
import binascii
import json
import re
from datetime import datetime, timezone
from typing import Any, TypeVar, cast

from botocore.model import (  # type: ignore[import-untyped,unused-ignore]  # untyped unless stubs are installed
    ListShape,
    MapShape,
    Shape,
    StructureShape,
)
from moto.core.utils import get_service_model

from .errors import SerializationException, UnknownOperationException, ValidationException

T = TypeVar("T")
Text = TypeVar("Text", str, bytes)
UNQUOTED = frozenset({"GrantTokenType"})


def decode_arguments(operation: str, raw: object) -> dict[str, Any]:
    """Blobs as bytes, timestamps as aware datetimes; members that the model does not know are dropped.

    Raises UnknownOperationException, SerializationException (wrong JSON type) or ValidationException (a constraint).
    """
    if not is_operation(operation):
        raise UnknownOperationException(f"{operation} is not an operation of KMS")
    shape = get_service_model("kms").operation_model(operation).input_shape
    if shape is None:
        return {}
    return cast("dict[str, Any]", _decode(shape, {} if raw is None else raw, ""))


def is_operation(name: str) -> bool:
    return name in get_service_model("kms").operation_names


def _decode(shape: Shape, value: Any, name: str) -> Any:  # noqa: PLR0911 - one return per type of the model
    match shape.type_name:
        case "structure":
            return _decode_structure(cast("StructureShape", shape), _typed(value, dict, name), name)
        case "list":
            member = cast("ListShape", shape).member
            items = enumerate(_typed(value, list, name), 1)
            return [_decode(member, item, f"{name}.{number}.member") for number, item in items]
        case "map":
            values = cast("MapShape", shape).value
            return {
                _encodable(key, name): _decode(values, item, name) for key, item in _typed(value, dict, name).items()
            }
        case "blob":
            return _checked(shape, _decode_blob(_typed(value, str, name), name), name, "")
        case "timestamp":
            return _decode_timestamp(value, name)
        case "boolean":
            return _typed(value, bool, name)
        case "integer" | "long":
            return _checked_number(shape, _typed(value, int, name), name)
        case _:
            return _checked_text(shape, _encodable(_typed(value, str, name), name), name)


def _decode_structure(shape: StructureShape, value: dict[str, Any], name: str) -> dict[str, Any]:
    present = {key: item for key, item in value.items() if item is not None}
    for member in shape.required_members:
        if member not in present:
            raise _violation(_member(name, member), "Member must not be null", "")
    return {
        key: _decode(shape.members[key], item, _member(name, key))
        for key, item in present.items()
        if key in shape.members
    }


def _member(name: str, member: str) -> str:
    """As in `tags.1.member.tagKey` (recorded: test_create_key_with_invalid_tag_key, 2025-01-22)."""
    return f"{name}.{member[:1].lower()}{member[1:]}".lstrip(".")


def _decode_blob(value: str, name: str) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except binascii.Error as error:
        raise SerializationException(f"{name} is not base64") from error


def _decode_timestamp(value: object, name: str) -> datetime:
    try:
        if isinstance(value, int | float):
            return datetime.fromtimestamp(value, timezone.utc)
        moment = datetime.fromisoformat(_typed(value, str, name))
    except (ValueError, OverflowError, OSError) as error:
        raise SerializationException(f"{name} is not a timestamp") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


def _encodable(text: str, name: str) -> str:
    """JSON may hold half of a surrogate pair, which is no text."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise SerializationException(f"{name} is not valid Unicode") from error
    return text


def _checked_text(shape: Shape, value: str, name: str) -> str:
    shown = "" if shape.name in UNQUOTED else value
    allowed = getattr(shape, "enum", [])
    if allowed and value not in allowed:
        raise _violation(name, f"Member must satisfy enum value set: [{', '.join(allowed)}]", shown)
    pattern = shape.metadata.get("pattern")
    if pattern and value and not re.search(pattern, value):
        raise _violation(name, f"Member must satisfy regular expression pattern: {pattern}", shown)
    return _checked(shape, value, name, shown)


def _checked(shape: Shape, value: Text, name: str, shown: str) -> Text:
    if len(value) < shape.metadata.get("min", 0):
        raise _violation(name, f"Member must have length greater than or equal to {shape.metadata['min']}", shown)
    if len(value) > shape.metadata.get("max", len(value)):
        raise _violation(name, f"Member must have length less than or equal to {shape.metadata['max']}", shown)
    return value


def _checked_number(shape: Shape, value: int, name: str) -> int:
    if value < shape.metadata.get("min", value):
        raise _violation(name, f"Member must have value greater than or equal to {shape.metadata['min']}", str(value))
    if value > shape.metadata.get("max", value):
        raise _violation(name, f"Member must have value less than or equal to {shape.metadata['max']}", str(value))
    return value


def _typed(value: object, kind: type[T], name: str) -> T:
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise SerializationException(f"{name} is not a {kind.__name__}")
    return value


def _violation(name: str, constraint: str, shown: str) -> ValidationException:
    """Recorded with a value: test_generate_random_invalid_number_of_bytes; without: test_plaintext_size_for_encrypt."""
    value = f"Value '{shown}'" if shown else "Value"
    return ValidationException(
        f"1 validation error detected: {value} at '{name}' failed to satisfy constraint: {constraint}"
    )


def parse_json(body: str | bytes) -> object:
    try:
        return json.loads(body) if body else {}
    except (ValueError, RecursionError) as error:  # RecursionError: nested without end
        raise SerializationException("the body is not JSON") from error
