"""Settings: round trip, validation, damaged and newer files, recent files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from common.errors import InputError
from viewer import folders
from viewer.folders import config_folder, layout_path, settings_path
from viewer.settings import MAX_RECENT_FILES, Settings, reset_settings
from viewer.settings_file import load_settings, read_settings, save_settings


def changed() -> Settings:
    settings = Settings()
    settings.window.theme = "light"
    settings.playback.mode = "ping-pong"
    settings.rendering.threads = 3
    settings.navigation.initial_view = "capture camera"
    settings.recording.fps = 24
    settings.view.background_color = (0.0, 0.5, 1.0)
    settings.remember_file("/data/ä b.mlpvid")
    return settings


def test_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "settings.yaml"
    save_settings(changed(), path)
    settings, message = load_settings(path)
    assert settings == changed() != Settings()
    assert message == ""
    assert [p.name for p in path.parent.iterdir()] == ["settings.yaml"]


def test_missing_file_means_defaults(tmp_path: Path) -> None:
    assert load_settings(tmp_path / "none.yaml") == (Settings(), "")


def test_empty_file_means_defaults(tmp_path: Path) -> None:
    path = tmp_path / "settings.yaml"
    path.write_text("")
    assert load_settings(path) == (Settings(), "")


def test_fields_that_are_not_named_keep_their_defaults(tmp_path: Path) -> None:
    path = tmp_path / "settings.yaml"
    path.write_text("window: {theme: light}\n")
    settings = read_settings(path)
    assert settings.window.theme == "light" and settings.window.width == 1280


BAD = {
    "no YAML": "window: [",
    "no mapping": "- 1\n- 2",
    "unknown field": "window: {colour: red}",
    "unknown section": "sound: {volume: 3}",
    "wrong type": "window: {width: wide}",
    "boolean for a number": "window: {width: true}",
    "out of range": "window: {width: 5}",
    "not a number": "view: {gamma: .nan}",
    "unknown choice": "playback: {mode: bounce}",
    "unknown color map": "view: {color_map: rainbow}",
    "repeated name": "window: {theme: dark, theme: light}",
    "newer version": "version: 99",
    "version of a wrong type": "version: new",
    "version zero": "version: 0",
    "unknown view": "navigation: {initial_view: sideways}",
    "short color": "view: {background_color: [1, 0]}",
    "not text": "\x00\x01",
    "number of 400 digits": "navigation: {field_of_view: " + "9" * 400 + "}",
    "timestamp": "window: !!timestamp x",
    "no truth value": "window: {vsync: !!bool x}",
    "empty number": "window: {width: !!int ''}",
    "base 60": "window: {width: !!int 1:30}",
    "null as a name": "window: {null: 1}",
    "aliases": "a: &a [1]\nwindow: {theme: *a}",
}


@pytest.mark.parametrize("text", BAD.values(), ids=list(BAD))
def test_bad_files_are_set_aside_and_explained(tmp_path: Path, text: str) -> None:
    path = tmp_path / "settings.yaml"
    path.write_text(text)
    settings, message = load_settings(path)
    assert settings == Settings()
    assert str(path) in message and "settings.bad.yaml" in message and "\n" not in message
    assert (tmp_path / "settings.bad.yaml").read_text() == text
    assert not path.exists()


def test_strict_reading_names_the_field(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("view: {gamma: -1}")
    with pytest.raises(InputError, match=r"mine\.yaml.*view\.gamma.*0\.1 to 10"):
        read_settings(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="YAML"):
        read_settings(path)
    with pytest.raises(InputError, match="cannot be read"):
        read_settings(tmp_path)


def test_nothing_is_written_that_could_not_be_read(tmp_path: Path) -> None:
    path = tmp_path / "settings.yaml"
    save_settings(Settings(), path)
    before = path.read_text()
    settings = Settings()
    settings.window.ui_scale = 99.0
    with pytest.raises(InputError, match="ui_scale"):
        save_settings(settings, path)
    assert path.read_text() == before


def test_unwritable_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        save_settings(Settings(), tmp_path / "file" / "settings.yaml")


def test_file_is_plain_yaml(tmp_path: Path) -> None:
    path = tmp_path / "settings.yaml"
    save_settings(changed(), path)
    values = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert values["version"] == 1
    assert values["recent_files"] == ["/data/ä b.mlpvid"]
    assert values["view"]["background_color"] == [0.0, 0.5, 1.0]


def test_recent_files() -> None:
    settings = Settings()
    for number in range(20):
        settings.remember_file(f"/{number}")
    settings.remember_file("/15")
    assert settings.recent_files[:3] == ("/15", "/19", "/18")
    assert len(settings.recent_files) == MAX_RECENT_FILES == len(set(settings.recent_files))
    settings.forget_file("/19")
    assert "/19" not in settings.recent_files
    kept = reset_settings(settings)
    assert kept.recent_files == settings.recent_files and kept.window == Settings().window


def test_files_lie_in_the_users_config_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(folders.platformdirs, "user_config_dir", lambda name, appauthor: str(tmp_path / name))
    assert config_folder() == tmp_path / "mlpvid"
    assert settings_path().name == "settings.yaml" and layout_path().parent == config_folder()
    save_settings(Settings())
    assert load_settings()[0] == Settings()


def test_what_is_shown_starts_with_its_defaults_each_time(tmp_path: Path) -> None:
    settings = Settings()
    settings.view.mode, settings.view.show_cells, settings.view.exposure = "depth", True, 1.0
    save_settings(settings, tmp_path / "settings.yaml")
    view = read_settings(tmp_path / "settings.yaml").view
    assert (view.mode, view.show_cells, view.exposure) == ("color", False, 1.0)
    kept = reset_settings(settings).view
    assert (kept.mode, kept.show_cells, kept.exposure) == ("depth", True, 0.0)


def test_two_viewers_keep_what_each_of_them_changed(tmp_path: Path) -> None:
    path = tmp_path / "settings.yaml"
    save_settings(changed(), path)
    first, second = read_settings(path), read_settings(path)
    first_before, second_before = read_settings(path), read_settings(path)
    first.window.theme = "high contrast"
    first.remember_file("/first.mlpvid")
    second.view.exposure = 2.0
    second.remember_file("/second.mlpvid")
    second.forget_file("/data/ä b.mlpvid")
    save_settings(first, path, first_before)
    save_settings(second, path, second_before)
    both = read_settings(path)
    assert (both.window.theme, both.view.exposure, both.playback.mode) == ("high contrast", 2.0, "ping-pong")
    assert both.recent_files == ("/second.mlpvid", "/first.mlpvid")
    first.window.theme = "dark"
    save_settings(first, path, replace(first, window=replace(first.window, theme="high contrast")))
    assert read_settings(path).window.theme == "dark" and read_settings(path).view.exposure == 2.0


def test_a_file_opened_again_comes_first(tmp_path: Path) -> None:
    path, settings = tmp_path / "settings.yaml", Settings()
    for name in "abc":
        settings.remember_file(name)
    save_settings(settings, path)
    before, settings = read_settings(path), read_settings(path)
    settings.remember_file("a")
    save_settings(settings, path, before)
    assert read_settings(path).recent_files == ("a", "c", "b")
    save_settings(settings, path, settings)
    assert read_settings(path).recent_files == ("a", "c", "b")


def test_settings_are_whole_when_the_file_is_gone(tmp_path: Path) -> None:
    save_settings(changed(), tmp_path / "settings.yaml", changed())
    assert read_settings(tmp_path / "settings.yaml") == changed()


def test_long_names_are_cut_in_messages(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(f"{'x' * 900}: 1\n")
    with pytest.raises(InputError, match="unknown field 'xxx") as caught:
        read_settings(tmp_path / "a.yaml")
    assert len(str(caught.value).replace(str(tmp_path), "")) < 400
