"""What the RFCs say: base64url, algorithms, keys and compact JWS (RFC 7515, 7517, 7518).

Nothing here knows of Flask, of sessions or of what a claim means.
"""
