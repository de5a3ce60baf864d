"""The verbs of the command line, one file each; ``ragdesk.cli.main`` imports the one it runs."""
