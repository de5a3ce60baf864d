"""Tables and records (CSV, JSON Lines), and subtitles."""
