"""The settings: defaults, where they are read, sentences for what cannot be used, and no secret shown."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from api.service import tool_secret
from api.settings import Settings, explain, markdown_table, rows, unknown_variables


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for row in rows():
        monkeypatch.delenv(row.variable, raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.chdir(tmp_path)


def test_every_setting_has_a_default_and_a_line_of_help() -> None:
    Settings()
    for row in rows():
        assert row.help.endswith("."), row.name
        assert "\n" not in row.help, row.name


def test_the_data_directory_holds_the_database_and_the_models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLOW_DATA_DIR", "/srv/glow")
    settings = Settings()
    assert settings.database_url == "sqlite+aiosqlite:////srv/glow/glow.db"
    assert settings.models_dir == Path("/srv/glow/models")


def test_the_default_data_directory_follows_the_platform(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "/srv/data")
    assert Settings().data_dir == Path("/srv/data/glow-voice")


def test_a_dotenv_file_is_read_and_the_environment_wins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("GLOW_PORT=9000\nGLOW_STT=pocketsphinx\nOPENAI_API_KEY=from-the-file\n")
    monkeypatch.setenv("GLOW_PORT", "9001")
    settings = Settings()
    assert (settings.port, settings.stt) == (9001, "pocketsphinx")
    assert settings.openai_api_key is not None
    assert settings.openai_api_key.get_secret_value() == "from-the-file"


def test_the_openai_variables_are_read_and_ours_win(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1234/v1/")
    assert Settings().openai_base_url == "http://127.0.0.1:1234/v1"
    monkeypatch.setenv("GLOW_OPENAI_BASE_URL", "http://llm:8000/v1")
    assert Settings().openai_base_url == "http://llm:8000/v1"


def test_lists_are_written_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLOW_PACKS", "/a/one.yaml, /b")
    monkeypatch.setenv("GLOW_TOKENS", "ann:0123456789abcdef, bob:fedcba9876543210")
    settings = Settings()
    assert settings.packs == (Path("/a/one.yaml"), Path("/b"))
    assert settings.static_tokens == {"0123456789abcdef": "ann", "fedcba9876543210": "bob"}


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("GLOW_PORT", "70000", "GLOW_PORT cannot be used: input should be less than or equal to 65535."),
        ("GLOW_PORT", "http", "GLOW_PORT cannot be used: input should be a valid integer"),
        ("GLOW_STT_DEVICE", "tpu", "GLOW_STT_DEVICE cannot be used: input should be 'auto', 'cpu' or 'cuda'."),
        ("OPENAI_BASE_URL", "localhost:1234", "it must be a URL that begins with http:// or https://."),
        ("GLOW_DATABASE_URL", "sqlite:///glow.db", "it must name an asynchronous driver"),
        ("GLOW_TOKENS", "ann:short", "the token must have at least 16 characters"),
        ("GLOW_EAGER_MS", "600", "GLOW_EAGER_MS must be smaller than GLOW_ENDPOINT_MS."),
    ],
)
def test_a_value_that_cannot_be_used_is_named_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, sentence: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ValidationError) as caught:
        Settings()
    sentences = explain(caught.value)
    assert len(sentences) == 1, sentences
    assert sentence in sentences[0]


def test_a_bad_directory_is_not_blamed_for_a_bad_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLOW_PORT", "-1")
    monkeypatch.setenv("GLOW_MAX_CALLS", "0")
    with pytest.raises(ValidationError) as caught:
        Settings()
    assert [sentence.split()[0] for sentence in explain(caught.value)] == ["GLOW_PORT", "GLOW_MAX_CALLS"]


def test_no_secret_is_shown_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")
    monkeypatch.setenv("GLOW_TOKENS", "ann:very-secret-token-1")
    monkeypatch.setenv("GLOW_DATABASE_URL", "postgresql+asyncpg://glow:very-secret@db/glow")
    settings = Settings()
    shown = {row.name: row.value for row in rows(settings)}
    assert shown["openai_api_key"] == "****"
    assert shown["tokens"] == "****"
    assert shown["database_url"] == "postgresql+asyncpg://glow:****@db/glow"
    assert "very-secret" not in repr(settings) + str(settings)
    monkeypatch.setenv("GLOW_TOKENS", "ann:very-secret")
    with pytest.raises(ValidationError) as caught:
        Settings()
    assert "very-secret" not in str(caught.value) + " ".join(explain(caught.value))


def test_a_misspelt_variable_is_noticed() -> None:
    environment = {"GLOW_PROT": "1", "GLOW_PORT": "1", "GLOW_TOKEN": "x", "HOME": "/"}
    assert unknown_variables(environment) == ["GLOW_PROT"]


def test_the_readme_shows_the_settings_as_they_are() -> None:
    readme = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")
    assert markdown_table() in readme


def test_how_long_chats_are_kept_has_an_earlier_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLOW_RETENTION_DAYS", "30")
    assert Settings().keep_days == 30
    assert unknown_variables({"GLOW_RETENTION_DAYS": "30", "GLOW_KEEP_DAYS": "30"}) == []
    monkeypatch.setenv("GLOW_KEEP_DAYS", "7")
    assert Settings().keep_days == 7
    monkeypatch.setenv("GLOW_KEEP_DAYS", "-1")
    with pytest.raises(ValidationError) as refused:
        Settings()
    assert explain(refused.value)[0].startswith("GLOW_KEEP_DAYS cannot be used: input should be greater")


def test_secrets_may_be_files_and_are_shown_to_nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    folder.mkdir()
    for name, text in {
        "GLOW_DATABASE_URL": "postgresql+asyncpg://glow:Sesame@db/glow\n",
        "glow_tokens": "ada:0123456789abcdef",
        "OPENAI_API_KEY": "sk-open",
        "GLOW_SECRET_SHOP_KEY": "key of the shop\n",
        "GLOW_PORT": "9000",
    }.items():
        (folder / name).write_text(text)
    monkeypatch.setenv("GLOW_SECRETS_DIR", str(folder))
    monkeypatch.setenv("GLOW_PORT", "9001")
    settings = Settings()
    assert settings.database_url == "postgresql+asyncpg://glow:Sesame@db/glow"
    assert settings.static_tokens == {"0123456789abcdef": "ada"}
    assert settings.openai_api_key is not None
    assert settings.openai_api_key.get_secret_value() == "sk-open"
    assert settings.port == 9001, "the environment takes precedence"
    assert tool_secret("SHOP_KEY") == "key of the shop"
    assert tool_secret("OTHER") is None
    assert tool_secret("../../glow_tokens") is None
    monkeypatch.setenv("GLOW_SECRET_SHOP_KEY", "from the environment")
    assert tool_secret("SHOP_KEY") == "from the environment"
    shown = repr(settings) + " ".join(row.value for row in rows(settings))
    assert not [secret for secret in ("Sesame", "0123456789abcdef", "sk-open") if secret in shown]


def test_a_directory_of_secrets_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for place in (tmp_path / "nowhere", Path(__file__)):
        monkeypatch.setenv("GLOW_SECRETS_DIR", str(place))
        with pytest.raises(ValidationError) as refused:
            Settings()
        assert explain(refused.value)[0].startswith("GLOW_SECRETS_DIR cannot be used: there must be a directory")
