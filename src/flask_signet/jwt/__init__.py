"""RFC 7519: tokens, their claims, how they are encoded and verified."""
