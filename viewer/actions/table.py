"""Everything the user can ask for, in one table: key bindings, shortcut sheet and command palette are made from it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from viewer.actions.conditions import (
    ALWAYS,
    CAN_REDO,
    CAN_UNDO,
    HAS_CAMERAS,
    HAS_FRAMES,
    HAS_KEYFRAMES,
    HAS_RANGE,
    KEYFRAME_CHOSEN,
    OPEN,
    RECORDABLE,
    SEVERAL_OPEN,
    Condition,
    capture_camera,
)

MODIFIERS = ("Ctrl", "Shift", "Alt")
"""Modifiers in the order they are written; Ctrl is the Command key on a Mac."""

NAMED_KEYS = (
    *("Space", "Enter", "Escape", "Tab", "Backspace", "Delete", "Insert", "Home", "End", "PageUp", "PageDown"),
    *("Left", "Right", "Up", "Down"),
    *(f"F{number}" for number in range(1, 13)),
)
"""Keys with names; all others are written as the one character that they bear on a US keyboard."""

CHARACTER_KEYS = tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789,.[]/;'-=\\`")
"""Keys with characters."""

SIDES = ("plus_x", "minus_x", "plus_y", "minus_y", "plus_z", "minus_z")
"""Directions that one can look from, in the names of the actions "camera.from_*"."""


@dataclass(frozen=True)
class Chord:
    """A key pressed with modifiers."""

    key: str
    """One of `NAMED_KEYS` or `CHARACTER_KEYS`."""
    ctrl: bool = False
    """Ctrl, or Command on a Mac."""
    shift: bool = False
    """Shift."""
    alt: bool = False
    """Alt, or Option on a Mac."""

    def __str__(self) -> str:
        held = [name for name, down in zip(MODIFIERS, (self.ctrl, self.shift, self.alt), strict=True) if down]
        return "+".join([*held, self.key])

    def text(self, mac: bool = False) -> str:
        """How it is shown to people; on a Mac Ctrl is Cmd and Alt is Option."""
        return str(self).replace("Ctrl", "Cmd").replace("Alt", "Option") if mac else str(self)


def parse_chord(text: str) -> Chord:
    """Read "Ctrl+Shift+Z"; ValueError for an unknown key or modifier."""
    *held, key = text.split("+")
    if len(held) != len(set(held)) or any(name not in MODIFIERS for name in held):
        raise ValueError(f"{text!r} has an unknown or repeated modifier")
    if key not in NAMED_KEYS and key not in CHARACTER_KEYS:
        raise ValueError(f"{text!r} names no key")
    return Chord(key, *(name in held for name in MODIFIERS))


@dataclass(frozen=True)
class Action:
    """One thing that the user can ask for."""

    name: str
    """Stable name in the code, "category.verb"."""
    label: str
    """What menus and the palette call it."""
    category: str
    """Heading on the shortcut sheet."""
    tooltip: str
    """One sentence that says what it does."""
    keys: tuple[str, ...] = ()
    """Chords that trigger it, the first one shown in menus."""
    held: bool = False
    """Acts as long as the key is down, with or without Shift; bound to the key's place, not to its letter."""
    in_palette: bool = True
    """Whether the command palette offers it."""
    enabled: Condition = ALWAYS
    """When it can be run; elsewhere menus, palette and buttons show it gray and its keys do nothing."""

    @property
    def chords(self) -> tuple[Chord, ...]:
        """The keys, parsed."""
        return tuple(parse_chord(key) for key in self.keys)

    def shortcut(self, mac: bool = False) -> str:
        """The first chord as text; empty without one."""
        return self.chords[0].text(mac) if self.keys else ""


def _held(name: str, label: str, key: str, tooltip: str) -> Action:
    return Action(f"fly.{name}", label, "Fly", tooltip, (key,), held=True, in_palette=False)


def _needing(condition: Condition, *actions: Action) -> tuple[Action, ...]:
    # Actions that need a condition, or one of their own that is narrower.
    return tuple(replace(action, enabled=condition) if action.enabled is ALWAYS else action for action in actions)


_FILE = (
    Action("file.open", "Open...", "File", "Open a volumetric video (.mlpvid) in a new tab.", ("Ctrl+O",)),
    Action("file.open_url", "Open URL...", "File", "Download a volumetric video and open it.", ("Ctrl+Shift+O",)),
    Action("file.open_demo", "Open the demo", "File", "Open the video that comes with the viewer."),
    Action("file.reload", "Reload", "File", "Read the video again from the disk.", ("F5",), enabled=OPEN),
    Action("file.close", "Close tab", "File", "Close the current tab.", ("Ctrl+W",), enabled=OPEN),
    Action(
        "file.next_tab", "Next tab", "File", "Show the next open video.", ("Ctrl+Tab", "Ctrl+PageDown"), enabled=SEVERAL_OPEN
    ),
    Action(
        "file.previous_tab",
        "Previous tab",
        "File",
        "Show the previous open video.",
        ("Ctrl+Shift+Tab", "Ctrl+PageUp"),
        enabled=SEVERAL_OPEN,
    ),
    Action(
        "file.screenshot",
        "Save screenshot",
        "File",
        "Save the view as PNG with the camera in it.",
        ("F12", "Ctrl+S"),
        enabled=OPEN,
    ),
    Action(
        "file.record_screen",
        "Record the screen",
        "File",
        "Start or stop recording what is shown.",
        ("Ctrl+R",),
        enabled=RECORDABLE,
    ),
    Action(
        "file.render_path",
        "Render camera path...",
        "File",
        "Render the path frame by frame to a file.",
        ("Ctrl+Shift+R",),
        enabled=OPEN,
    ),
    Action("file.export_mesh", "Export mesh...", "File", "Save the surface of a frame or range as PLY or glTF.", enabled=OPEN),
    Action("file.export_points", "Export point cloud...", "File", "Save the visible points of a frame as PLY.", enabled=OPEN),
    Action("file.quit", "Quit", "File", "Close the viewer.", ("Ctrl+Q",)),
)

_PLAYBACK = _needing(
    OPEN,
    Action("playback.toggle", "Play / pause", "Playback", "Start or stop the clock.", ("Space",), enabled=HAS_FRAMES),
    Action("playback.next", "Next frame", "Playback", "Pause and go one frame forward.", (".", "Right"), enabled=HAS_FRAMES),
    Action(
        "playback.previous", "Previous frame", "Playback", "Pause and go one frame back.", (",", "Left"), enabled=HAS_FRAMES
    ),
    Action(
        "playback.skip",
        "Ten frames forward",
        "Playback",
        "Pause and go ten frames forward.",
        ("Shift+Right",),
        enabled=HAS_FRAMES,
    ),
    Action(
        "playback.skip_back",
        "Ten frames back",
        "Playback",
        "Pause and go ten frames back.",
        ("Shift+Left",),
        enabled=HAS_FRAMES,
    ),
    Action(
        "playback.start",
        "Go to the in point",
        "Playback",
        "Show the first frame of the range.",
        ("Shift+Home",),
        enabled=HAS_FRAMES,
    ),
    Action(
        "playback.end", "Go to the out point", "Playback", "Show the last frame of the range.", ("End",), enabled=HAS_FRAMES
    ),
    Action("playback.reverse", "Reverse", "Playback", "Play in the other direction.", ("R",), enabled=HAS_FRAMES),
    Action("playback.loop", "Loop / ping-pong / once", "Playback", "Choose what happens at the range's end.", ("L",)),
    Action("playback.faster", "Faster", "Playback", "Raise the playback speed.", ("=", "Shift+=")),
    Action("playback.slower", "Slower", "Playback", "Lower the playback speed.", ("-",)),
    Action("playback.normal_speed", "Normal speed", "Playback", "Play at the capture's speed.", ("0",)),
    Action("playback.sub_frame", "Sub-frame time", "Playback", "Show instants between frames in slow motion.", ("T",)),
    Action("playback.in", "Set in point", "Playback", "Begin the range at this frame.", ("I",)),
    Action("playback.out", "Set out point", "Playback", "End the range with this frame.", ("O",)),
    Action("playback.clear_range", "Clear in and out", "Playback", "Play the whole video.", ("Alt+X",), enabled=HAS_RANGE),
    Action("playback.marker", "Toggle marker", "Playback", "Mark this frame, or remove its mark.", ("M",)),
    Action("playback.name_marker", "Name marker...", "Playback", "Say what this frame is; marks it.", ("Shift+M",)),
    Action("playback.next_marker", "Next marker", "Playback", "Go to the next marked frame.", ("Shift+.", "Down")),
    Action("playback.previous_marker", "Previous marker", "Playback", "Go to the marked frame before.", ("Shift+,", "Up")),
)

_CAMERA = _needing(
    OPEN,
    Action("camera.focus", "Focus under the cursor", "Camera", "Turn around the point under the cursor.", ("F",)),
    Action("camera.fit", "Fit", "Camera", "Show the whole scene.", ("Home",)),
    Action("camera.level", "Level the horizon", "Camera", "Remove the camera's roll.", ("U",)),
    Action("camera.roll_lock", "Lock the roll", "Camera", "Keep the horizon while orbiting, or tumble freely.", ("Shift+U",)),
    Action("camera.undo", "Undo", "Camera", "Go back to the view, or the camera path, before.", ("Ctrl+Z",), enabled=CAN_UNDO),
    Action("camera.redo", "Redo", "Camera", "Return to what was undone.", ("Ctrl+Shift+Z", "Ctrl+Y"), enabled=CAN_REDO),
    Action("camera.copy", "Copy camera", "Camera", "Copy the camera as JSON.", ("Ctrl+C",)),
    Action("camera.paste", "Paste camera", "Camera", "Take the camera from JSON on the clipboard.", ("Ctrl+V",)),
    Action(
        "camera.next",
        "Next capture camera",
        "Camera",
        "Stand where the next capture camera stood.",
        ("]",),
        enabled=HAS_CAMERAS,
    ),
    Action(
        "camera.previous",
        "Previous capture camera",
        "Camera",
        "Stand where the camera before it stood.",
        ("[",),
        enabled=HAS_CAMERAS,
    ),
    *(
        Action(f"camera.from_{name}", f"Look from {axis}", "Camera", f"Look at the scene from {axis}, level.", (f"Ctrl+{n}",))
        for n, (name, axis) in enumerate(zip(SIDES, ("+X", "-X", "+Y", "-Y", "+Z", "-Z"), strict=True), 1)
    ),
    *(
        Action(
            f"camera.snap_{n}",
            f"Capture camera {n}",
            "Camera",
            f"Stand where capture camera {n} stood.",
            (str(n),),
            enabled=capture_camera(n),
        )
        for n in range(1, 10)
    ),
)

_FLY = (
    _held("forward", "Fly forward", "W", "Move along the view; Shift is faster."),
    _held("backward", "Fly backward", "S", "Move against the view; Shift is faster."),
    _held("left", "Fly left", "A", "Move to the left; Shift is faster."),
    _held("right", "Fly right", "D", "Move to the right; Shift is faster."),
    _held("down", "Fly down", "Q", "Move down; Shift is faster."),
    _held("up", "Fly up", "E", "Move up; Shift is faster."),
)

_PATH = _needing(
    OPEN,
    Action("path.add", "Add keyframe", "Path", "Put this view and frame on the camera path.", ("K",)),
    Action(
        "path.replace",
        "Replace keyframe",
        "Path",
        "Give the selected keyframe this view and frame.",
        ("Shift+K",),
        enabled=KEYFRAME_CHOSEN,
    ),
    Action(
        "path.remove",
        "Delete keyframe",
        "Path",
        "Take the selected keyframe off the path.",
        ("Delete",),
        enabled=KEYFRAME_CHOSEN,
    ),
    Action("path.next", "Next keyframe", "Path", "Go to the next keyframe of the path.", ("Alt+Right",), enabled=HAS_KEYFRAMES),
    Action("path.previous", "Previous keyframe", "Path", "Go to the keyframe before.", ("Alt+Left",), enabled=HAS_KEYFRAMES),
    Action("path.preview", "Preview path", "Path", "Play the camera path in the view.", ("P",), enabled=HAS_KEYFRAMES),
    Action("path.orbit", "Orbit preset", "Path", "Replace the path by one turn around the scene."),
    Action("path.spiral", "Spiral preset", "Path", "Replace the path by a rising spiral around the scene."),
    Action("path.save", "Save path...", "Path", "Save the camera path as JSON.", enabled=HAS_KEYFRAMES),
    Action("path.load", "Load path...", "Path", "Load a camera path from JSON."),
)

_VIEW = _needing(
    OPEN,
    Action("view.color", "Color", "View", "Show colors.", ("Alt+1",)),
    Action("view.depth", "Depth", "View", "Show the distance to the surface.", ("Alt+2",)),
    Action("view.opacity", "Opacity", "View", "Show how opaque each pixel is.", ("Alt+3",)),
    Action("view.normals", "Normals", "View", "Show surface directions computed from the depth.", ("Alt+4",)),
    Action("view.density_samples", "Density samples", "View", "Show how many points each ray asked for density.", ("Alt+5",)),
    Action("view.color_samples", "Color samples", "View", "Show how many points each ray colored.", ("Alt+6",)),
    Action("view.heads", "Color heads", "View", "Show which head of the MLP map colors each pixel.", ("Alt+7",)),
    Action("view.box", "Box", "View", "Show the scene's box.", ("B",)),
    Action("view.cells", "Occupied cells", "View", "Show the cells that are not skipped.", ("C",)),
    Action("view.cameras", "Capture cameras", "View", "Show the cameras of the capture.", ("V",)),
    Action("view.path", "Camera path", "View", "Show the camera path and its keyframes.", ("Shift+P",)),
    Action("view.axes", "Axes", "View", "Show the world's axes.", ("X",)),
    Action("view.grid", "Ground grid", "View", "Show a grid on the ground.", ("G",)),
    Action("view.split", "Split view", "View", "Compare with another video or backend.", ("Y",)),
    Action("view.difference", "Difference", "View", "Show how the two sides differ.", ("Shift+Y",)),
)

_WINDOW = (
    Action("window.fullscreen", "Full screen", "Window", "Fill the screen, or return to a window.", ("F11",)),
    Action("window.hide_ui", "Hide the interface", "Window", "Show nothing but the picture.", ("H",)),
    Action("window.next_panel", "Next panel", "Window", "Go to the next panel; Tab then goes through its controls.", ("F6",)),
    Action("window.previous_panel", "Previous panel", "Window", "Go to the panel before.", ("Shift+F6",)),
    Action("window.reset_layout", "Reset the layout", "Window", "Put all panels back where they were at first."),
    Action("window.larger", "Larger interface", "Window", "Enlarge text and controls.", ("Ctrl+=",)),
    Action("window.smaller", "Smaller interface", "Window", "Shrink text and controls.", ("Ctrl+-",)),
    Action("window.theme", "Next theme", "Window", "Switch between light, dark and high contrast."),
    Action("window.settings", "Settings...", "Window", "Change the viewer's settings.", ("Ctrl+,",)),
    Action(
        "window.copy_figures", "Copy the figures", "Window", "Copy frame rate, times and samples as text.", ("Ctrl+Shift+C",)
    ),
)

_HELP = (
    Action("help.shortcuts", "Keyboard shortcuts", "Help", "Show all keys and what the mouse does.", ("F1",)),
    Action("help.palette", "Command palette", "Help", "Find any command by its name.", ("Ctrl+P",), in_palette=False),
    Action("help.about", "About and licenses", "Help", "Show version and license of the viewer, and of the open video."),
)

ACTIONS: tuple[Action, ...] = (*_FILE, *_PLAYBACK, *_CAMERA, *_FLY, *_PATH, *_VIEW, *_WINDOW, *_HELP)
"""All actions, in the order of the shortcut sheet."""

BY_NAME: dict[str, Action] = {action.name: action for action in ACTIONS}
"""The actions by their names."""


def bindings(actions: tuple[Action, ...] = ACTIONS) -> dict[Chord, Action]:
    """Which action each chord triggers; held keys also with Shift.

    Raises:
        ValueError: two actions want the same chord.
    """
    table: dict[Chord, Action] = {}
    for action in actions:
        chords = list(action.chords)
        if action.held:
            chords += [Chord(chord.key, shift=True) for chord in chords]
        for chord in chords:
            if chord in table:
                raise ValueError(f"{chord} triggers both {table[chord].name} and {action.name}")
            table[chord] = action
    return table


def shortcut_sheet(mac: bool = False, actions: tuple[Action, ...] = ACTIONS) -> dict[str, list[tuple[str, str]]]:
    """The shortcut sheet: for each category, (keys, label) of the actions that have keys."""
    sheet: dict[str, list[tuple[str, str]]] = {}
    for action in actions:
        if action.keys:
            keys = " or ".join(chord.text(mac) for chord in action.chords)
            sheet.setdefault(action.category, []).append((keys, action.label))
    return sheet


def search_actions(query: str, actions: tuple[Action, ...] = ACTIONS) -> list[Action]:
    """The palette's answer: actions whose label, category or tooltip has the query's letters in order, best first.

    A label that begins with the query comes before one that contains it, that before scattered letters in the label, and
    that before category and tooltip.
    """
    wanted = query.casefold().strip()
    scored = [(score, i) for i, a in enumerate(actions) if a.in_palette and (score := _match(wanted, a)) is not None]
    return [actions[i] for _, i in sorted(scored)]


def _match(query: str, action: Action) -> tuple[int, int] | None:
    label = action.label.casefold()
    if label.startswith(query):
        return 0, 0
    words = query.split()
    if all(word in label for word in words):
        return 1, label.index(words[0])
    spread = _spread(query, label)
    if spread is not None:
        return 2, spread
    described = f"{action.category} {action.label} {action.tooltip}".casefold()
    return (3, described.index(words[0])) if all(word in described for word in words) else None


def _spread(query: str, text: str) -> int | None:
    # How far apart the query's letters lie in the text, in order; None when they are not all there.
    position, first = -1, -1
    for letter in query.replace(" ", ""):
        position = text.find(letter, position + 1)
        if position < 0:
            return None
        first = position if first < 0 else first
    return position - first
