"""The settings as they are shown: in the README, by `glow settings`, and in what is said of a wrong one."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import SecretStr, ValidationError

from api.settings.fields import Settings
from api.settings.serving import PREFIX, SECRET_PREFIX

# Variables of the client commands, not of the service.
_CLIENT_VARIABLES = frozenset({"GLOW_TOKEN", "GLOW_INSTANCE_URL", "GLOW_MIGRATE_TO"})
_EARLIER_NAMES = frozenset({"GLOW_RETENTION_DAYS"})
_PASSWORD = re.compile(r"(://[^:/@\s]*:)[^@\s]*@")


@dataclass(frozen=True, slots=True)
class SettingRow:
    """A setting for display, with secrets masked."""

    name: str
    variable: str
    value: str
    default: str
    help: str


def rows(settings: Settings | None = None) -> list[SettingRow]:
    """List the settings with their values; without `settings`, with their defaults, as the README shows them."""
    listed = []
    for name, field in Settings.model_fields.items():
        extra = field.json_schema_extra if isinstance(field.json_schema_extra, Mapping) else {}
        default = str(extra["shown"]) if "shown" in extra else _shown(field.get_default())
        value = default if settings is None else _shown(getattr(settings, name))
        listed.append(SettingRow(name, PREFIX + name.upper(), value, default, field.description or ""))
    return listed


def _shown(value: object) -> str:
    match value:
        case None:
            return ""
        case SecretStr():
            return "****"
        case tuple():
            return ",".join(str(part) for part in value)
        case _:
            return _PASSWORD.sub(r"\1****@", str(value))


def markdown_table() -> str:
    """Render the settings table of the README."""
    lines = ["| variable | default | what it is |", "|---|---|---|"]
    for row in rows():
        default = f"`{row.default}`" if row.default else ""
        lines.append(f"| `{row.variable}` | {default} | {row.help} |")
    return "\n".join(lines)


def explain(error: ValidationError) -> list[str]:
    """Explain each invalid setting in a sentence that names the variable, but never its value."""
    sentences = []
    for problem in error.errors(include_url=False, include_context=False, include_input=False):
        if problem["type"] == "default_factory_not_called":
            continue  # a follow-up error of another field
        text = problem["msg"].removeprefix("Value error, ").rstrip(".")
        if not problem["loc"]:
            sentences.append(f"{text}.")
            continue
        name = str(problem["loc"][0])
        variable = name if name.isupper() else PREFIX + name.upper()
        field = Settings.model_fields.get(name.lower().removeprefix(PREFIX.lower()))
        meaning = f" ({field.description})" if field and field.description else ""
        sentences.append(f"{variable} cannot be used: {text[0].lower()}{text[1:]}.{meaning}")
    return sentences


def unknown_variables(environment: Mapping[str, str]) -> list[str]:
    """List the GLOW_ variables that no setting reads, such as misspelt ones."""
    known = {PREFIX + name.upper() for name in Settings.model_fields} | _CLIENT_VARIABLES | _EARLIER_NAMES
    return sorted(
        name
        for name in environment
        if name.upper().startswith(PREFIX) and not name.startswith(SECRET_PREFIX) and name.upper() not in known
    )
