"""Live facts: what a system of the operator's says to a verified customer, beside the documents."""
