"""The keys: rings, their schedule, where they come from, and those of other issuers."""
