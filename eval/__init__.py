"""The evaluation harness: measures any answer engine from outside."""
