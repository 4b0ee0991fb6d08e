"""`smppd top`: the running daemon, live; asked once a second over its control socket."""

from __future__ import annotations

import argparse
import time

import msgspec

from smppd.cli.screen import Screen, shown
from smppd.cli.settings import find_control, read_config
from smppd.cli.terminal import CommandError, Terminal
from smppd.cli.top_view import ORDERS, View, draw, ways
from smppd.cli.watch import EVERY, Watch
from smppd.vitals.picture import Picture

#: How wide a picture is where no terminal says.
_WIDTH = 80


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """See `cli.Command`."""
    parser.add_argument(
        "--once", action="store_true", help="print one picture, of a second, or of five in doubt"
    )
    parser.add_argument(
        "--json", action="store_true", help="print a JSON object a second, on a line"
    )


def main(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """See `cli.Command`."""
    printed = arguments.once or arguments.json
    if not printed and not terminal.draws:
        raise CommandError("top draws on a terminal: --once prints one picture, --json lines", 2)
    watch = Watch(find_control(arguments))
    try:
        watch.look()
    except CommandError:
        read_config(arguments)  # it may be that which keeps the daemon from being found
        raise
    if printed:
        return _print(watch, terminal, once=arguments.once, as_json=arguments.json)
    with Screen() as screen:
        _Session(watch, screen).run()
    return 0


def _print(watch: Watch, terminal: Terminal, *, once: bool, as_json: bool) -> int:
    """Pictures for programs and papers."""
    if once:
        _print_one(watch.look_well(), terminal, as_json=as_json)
        return 0
    while True:
        time.sleep(EVERY)
        _print_one(watch.look(), terminal, as_json=as_json)


def _print_one(seen: Picture, terminal: Terminal, *, as_json: bool) -> None:
    if as_json:
        terminal.hand_on(msgspec.json.encode(seen).decode() + "\n")
    else:
        for line in draw(seen, View(), terminal.columns or _WIDTH):
            terminal.say_styled(shown(line, terminal.columns, styled=terminal.draws))
    terminal.flush()


class _Session:
    """One person before one screen."""

    def __init__(self, watch: Watch, screen: Screen) -> None:
        self._watch = watch
        self._screen = screen
        self._view = View()
        self._chosen = ""

    def run(self) -> None:
        """Draw and heed keys until there is enough of it."""
        due = time.monotonic() + EVERY
        while True:
            self._draw()
            key = self._screen.wait(due)
            if key == "q":
                return
            if key is not None:
                self._heed(key)
                continue
            self._look()
            due = max(due + EVERY, time.monotonic())

    def _look(self) -> None:
        try:
            self._watch.look()
            self._view.silence = ""
        except CommandError as error:
            self._view.silence = str(error)

    def _heed(self, key: str) -> None:
        view, names = self._view, self._names()
        if key == "s":
            orders = list(ORDERS)
            view.order = orders[(orders.index(view.order) + 1) % len(orders)]
        elif key == "escape":
            self._chosen = ""
        elif key in ("up", "k", "down", "j") and names:
            step = 1 if key in ("down", "j") else -1
            at = names.index(self._chosen) + step if self._chosen in names else 0
            self._chosen = names[max(0, min(at, len(names) - 1))]

    def _names(self) -> list[str]:
        return [way.name for way in ways(self._watch.picture(), self._view.order)]

    def _draw(self) -> None:
        view, names = self._view, self._names()
        view.chosen = names.index(self._chosen) if self._chosen in names else None
        view.details = list(self._watch.about(self._chosen))
        self._screen.draw(draw(self._watch.picture(), view, *self._screen.size))
