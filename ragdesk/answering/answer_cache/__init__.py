"""Answers kept for a while, given again to who asks the same of the same documents."""
