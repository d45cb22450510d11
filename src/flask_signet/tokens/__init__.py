"""What this library does with tokens: issue them, verify them, keep the keys. No Flask here."""
