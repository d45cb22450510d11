"""The fields of the bodies of the API."""

from __future__ import annotations

import unicodedata
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

#: Characters. The hash takes any length; the limit bounds the cost of a request.
PASSWORD_MAX = 1024
#: Characters. NIST SP 800-63B and ASVS 6.2.1 demand at least 8.
PASSWORD_MIN = 8
#: RFC 5321 section 4.5.3.1.3 leaves 254 characters for an address.
EMAIL_MAX = 254


def unicode_text(value: str) -> None:
    """Refuse lone surrogates: JSON can write them, but they are not characters.

    :raises ValidationError: if there is one.
    """
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise ValidationError("Not valid Unicode text.") from error


def no_control_characters(value: str) -> None:
    """Refuse control characters: some databases refuse them, above all NUL.

    :raises ValidationError: if there is one.
    """
    if any(unicodedata.category(character) == "Cc" for character in value):
        raise ValidationError("Control characters are not allowed.")


class CredentialsSchema(Schema):
    """A login. An address or password of an unusual form is not refused here: it is just wrong."""

    email = fields.String(
        required=True,
        validate=[unicode_text, no_control_characters, validate.Length(max=EMAIL_MAX)],
        metadata={"example": "ada@example.org"},
    )
    password = fields.String(
        required=True,
        validate=[unicode_text, validate.Length(max=PASSWORD_MAX)],
        metadata={"format": "password"},
    )


class RegistrationSchema(Schema):
    """A registration."""

    email = fields.Email(
        required=True,
        validate=[unicode_text, no_control_characters, validate.Length(max=EMAIL_MAX)],
        metadata={"example": "ada@example.org"},
    )
    password = fields.String(
        required=True,
        validate=[unicode_text, validate.Length(min=PASSWORD_MIN, max=PASSWORD_MAX)],
        metadata={"format": "password"},
    )


class TokenPairSchema(Schema):
    """The answer to a login and to a refresh."""

    access_token = fields.String(required=True)
    token_type = fields.String(required=True, metadata={"example": "Bearer"})
    expires_in = fields.Integer(required=True, metadata={"description": "seconds"})
    refresh_token = fields.String(required=True)
    refresh_expires_in = fields.Integer(required=True, metadata={"description": "seconds"})


class SessionSchema(Schema):
    """A session, with what its owner needs to recognize it. Times are seconds since 1970."""

    sid = fields.String(required=True)
    created_at = fields.Float(required=True)
    last_seen_at = fields.Float(required=True)
    expires_at = fields.Float(required=True)
    user_agent = fields.String(required=True)
    address = fields.String(required=True)
    label = fields.String(required=True)
    current = fields.Boolean(required=True)


class UserSchema(Schema):
    """A user, as the API shows the user's own account."""

    id = fields.Integer(required=True)
    email = fields.String(required=True)
    roles = fields.List(fields.String(), required=True)
    created = fields.DateTime(required=True)


class ErrorSchema(Schema):
    """Why a request was refused."""

    msg = fields.String(required=True, metadata={"description": "The reason, in words"})
    errors = fields.Dict(metadata={"description": "The reasons, by the name of the field"})


def first_messages(errors: dict[str, Any]) -> dict[str, str]:
    """One message for each field of a form that does not fit its schema."""
    return {field: messages[0] for field, messages in errors.items()}
