"""The verbs of the command line, one file each; ``ragdesk.cli.main`` opens a file when it is called."""
