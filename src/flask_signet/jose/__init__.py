"""Signatures: base64url, algorithms, keys and compact JWS (RFC 7515, RFC 7517, RFC 7518).

Nothing here knows Flask, sessions or the meaning of a claim.
"""
