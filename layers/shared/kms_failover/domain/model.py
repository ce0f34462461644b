"""The base of all values, and the texts that they hold, each no longer than what stores or shows it can take."""

from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, StringConstraints


class Model(BaseModel):
    """A frozen value that refuses fields it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def but(self, **changes: Any) -> Self:
        """The same value with these fields changed, and checked like a new one.

        Raises:
            TypeError: a name is no field's.
            ValidationError: a value does not fit its field.
        """
        if strange := changes.keys() - type(self).model_fields.keys():
            raise TypeError(f"{type(self).__name__} has no field {', '.join(sorted(strange))}")
        fields = {name: getattr(self, name) for name in type(self).model_fields}
        return type(self).model_validate(fields | changes, by_alias=False, by_name=True)


def at_most(letters: int) -> BeforeValidator:
    """Of a longer text the beginning: what others say is neither refused for its length nor kept whole."""
    return BeforeValidator(
        lambda said: f"{said[: letters - 1]}…" if isinstance(said, str) and len(said) > letters else said
    )


KeySetName = Annotated[str, StringConstraints(max_length=63)]  # of a fact; "" is no key set's own
Region = Annotated[str, StringConstraints(max_length=64)]
Arn = Annotated[str, StringConstraints(max_length=2048)]  # KMS's own limit of a KeyId
Code = Annotated[str, at_most(200)]
Reason = Annotated[str, at_most(2000)]  # an operator's, 1024 letters and their name, and what it is about
