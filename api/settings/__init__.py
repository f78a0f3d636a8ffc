"""The settings of the service, and how they are shown."""

from api.settings.fields import Settings
from api.settings.fleet import NO_LINES
from api.settings.serving import PREFIX, SECRET_PREFIX, SECRETS_DIR
from api.settings.shown import SettingRow, explain, markdown_table, rows, unknown_variables

__all__ = [
    "NO_LINES",
    "PREFIX",
    "SECRETS_DIR",
    "SECRET_PREFIX",
    "SettingRow",
    "Settings",
    "explain",
    "markdown_table",
    "rows",
    "unknown_variables",
]
