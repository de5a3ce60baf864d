"""``python -m ragdesk``."""

from ragdesk.cli.main import main

if __name__ == "__main__":
    main()
