"""What a desk learns from its use: questions it could not answer become FAQ entries."""
