"""Commands that measure, and write down what they measured."""
