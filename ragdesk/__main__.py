"""``python -m ragdesk``."""

from ragdesk.cli import main

if __name__ == "__main__":
    main()
