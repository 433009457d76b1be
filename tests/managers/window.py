# SPDX-License-Identifier: LGPL-2.1-or-later
"""Drive virt-manager's window as a person would: window.py URI DOMAIN SCREENSHOT. It runs where virt-manager is installed, in
a session of its own with a display. It changes the domain's title in the XML editor and then in the form, takes a screenshot of
the editor, and prints the XML that the editor showed between the two."""

import subprocess
import sys
import time

import gi

gi.require_version("Atspi", "2.0")
gi.require_version("Gdk", "3.0")
from gi.repository import Atspi, Gdk, GLib  # noqa: E402

SECONDS = 120


def wait_for(condition, what):
    """The first result of the condition that is true."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        try:
            result = condition()
        except GLib.Error:  # the window changes while it is looked at
            result = None
        if result:
            return result
        time.sleep(0.2)
    raise TimeoutError(f"virt-manager shows no {what}\n" + "\n".join(outline()))


def descendants(node):
    for index in range(node.get_child_count()):
        child = node.get_child_at_index(index)
        if child:
            yield child
            yield from descendants(child)


def outline():
    """What there is to see, for the error."""
    return [f"{node.get_role_name()} {node.get_name()!r}" for node in descendants(Atspi.get_desktop(0)) if node.get_name()]


def find(role, name, window=None):
    """Something of the window, once it is there: by its name, or a text by what is in it."""
    def look():
        return next((node for node in descendants(window or Atspi.get_desktop(0))
                     if node.get_role_name().endswith(role) and name in (node.get_name() or contents(node))), None)
    return wait_for(look, f"{role} {name!r}")


def contents(node):
    """What is in a text without a name."""
    text = node.get_text_iface()
    return Atspi.Text.get_text(text, 0, Atspi.Text.get_character_count(text)) if text else ""


def press(node):
    Atspi.Action.do_action(node, 0)


def choose_tab(node):
    parent = node.get_parent()
    Atspi.Selection.select_child(parent, node.get_index_in_parent())


def write(node, text):
    Atspi.EditableText.set_text_contents(node, text)


def apply_changes(window):
    button = find("button", "config-apply", window)
    wait_for(lambda: button.get_state_set().contains(Atspi.StateType.SENSITIVE), "button to apply the changes with")
    press(button)
    wait_for(lambda: not button.get_state_set().contains(Atspi.StateType.SENSITIVE), "end of applying the changes")


def scroll_to_the_end(node):
    """Turn the mouse's wheel over it."""
    area = Atspi.Component.get_extents(node, Atspi.CoordType.SCREEN)
    for _ in range(60):
        Atspi.generate_mouse_event(area.x + 100, max(area.y, 0) + 200, "b5c")
    time.sleep(2)  # the picture follows


def take_screenshot(path):
    root = Gdk.get_default_root_window()
    Gdk.pixbuf_get_from_window(root, 0, 0, root.get_width(), root.get_height()).savev(path, "png", [], [])


def text_of(editor):
    return Atspi.Text.get_text(editor, 0, Atspi.Text.get_character_count(editor))


def drive(name, screenshot):
    window = find("frame", f"{name} on ")
    choose_tab(find("page tab", "XML", window))
    editor = find("text", "XML editor", window)
    xml = wait_for(lambda: text_of(editor), "XML")
    write(editor, xml.replace("</name>", "</name>\n  <title>by the editor</title>", 1))
    apply_changes(window)
    xml = text_of(editor)
    scroll_to_the_end(editor)
    take_screenshot(screenshot)
    choose_tab(find("page tab", "Details", window))
    write(find("text", "by the editor", window), "by the form")
    apply_changes(window)
    print(xml)


def main():
    uri, name, screenshot = sys.argv[1:]
    with subprocess.Popen(["virt-manager", "--connect", uri, "--show-domain-editor", name, "--no-fork"]) as manager:
        try:
            drive(name, screenshot)
        finally:
            manager.kill()


if __name__ == "__main__":
    main()
