"""What `ragdesk bench` runs: load against a server or an engine."""
