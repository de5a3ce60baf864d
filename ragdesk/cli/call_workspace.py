"""The workspace of a call: home and settings as its options before the verb name them."""

from ragdesk.assemble import Workspace
from ragdesk.cli.shared_options import CliCall
from ragdesk.settings import load_settings


def load_workspace(call: CliCall) -> Workspace:
    """Open the workspace of a call. Raises SettingsError."""
    loaded = load_settings(home=call.home, config=call.config)
    return Workspace(loaded.home, loaded.settings)
