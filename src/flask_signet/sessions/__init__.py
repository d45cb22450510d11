"""Sessions and revocations: the records, the rules that all stores share, and the protocol."""
