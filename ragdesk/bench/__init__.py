"""The code of `ragdesk bench`: load against a server or an engine."""
