"""The verbs of the command line, one file each; ``ragdesk.cli`` opens a file when it is called."""
