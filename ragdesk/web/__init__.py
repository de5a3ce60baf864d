"""The HTTP answer API and its pages."""
