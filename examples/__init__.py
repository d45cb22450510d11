"""Applications that show Flask-Signet at work."""
