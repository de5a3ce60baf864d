"""Mail messages, and their attachments as documents of their own kind."""
