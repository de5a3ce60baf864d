"""Models of ragdesk trained further, on public question sets or on a company's own cases.

Read reader_training.py first; reader_samples.py says what a sample is.
"""
