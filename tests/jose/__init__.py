"""Tests of flask_signet.jose, one file for each of its files, and what the RFCs and others say."""
