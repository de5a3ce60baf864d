"""A conversation handed over to a person: states, rules, the queue, and ways out of the house."""
