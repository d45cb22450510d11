"""The curl lines that show the whole API. You can paste them into bash one after the other."""

from __future__ import annotations

_LINES = """\
API={base_url}/api/v1/auth
EMAIL=user$RANDOM$RANDOM@example.org
PASSWORD=$(python3 -c 'import secrets; print(secrets.token_urlsafe())')
field() {{ python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"; }}

# register
curl -sS "$API/users" -H 'Content-Type: application/json' -d '{{"email": "'$EMAIL'", "password": "'$PASSWORD'"}}'

# get both tokens
TOKENS=$(curl -sS "$API/tokens" -H 'Content-Type: application/json' -d '{{"email": "'$EMAIL'", "password": "'$PASSWORD'"}}')
ACCESS=$(printf '%s' "$TOKENS" | field access_token)
REFRESH=$(printf '%s' "$TOKENS" | field refresh_token)

# show the user of the token
curl -sS "$API/users" -H "Authorization: Bearer $ACCESS"

# list the sessions of the user
curl -sS "$API/sessions" -H "Authorization: Bearer $ACCESS"

# get the next two tokens with the refresh token, which works once
TOKENS=$(curl -sS -X PATCH "$API/tokens" -H "Authorization: Bearer $REFRESH")
ACCESS=$(printf '%s' "$TOKENS" | field access_token)
REFRESH=$(printf '%s' "$TOKENS" | field refresh_token)
curl -sS "$API/users" -H "Authorization: Bearer $ACCESS"

# log out: 204
curl -sS -X DELETE "$API/tokens" -H "Authorization: Bearer $ACCESS" -w '%{{http_code}}\\n'

# neither token works any more: 401
curl -sS -X PATCH "$API/tokens" -H "Authorization: Bearer $REFRESH" -w '%{{http_code}}\\n'
curl -sS "$API/users" -H "Authorization: Bearer $ACCESS" -w '%{{http_code}}\\n'
"""  # noqa: E501  # a line here is a line in the shell


def curl_lines(base_url: str) -> str:
    """The lines for the service at this address, e.g. ``http://127.0.0.1:8000``."""
    return _LINES.format(base_url=base_url)
