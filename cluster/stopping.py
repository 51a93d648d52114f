"""What signals do to a server: SIGTERM, SIGINT and SIGHUP stop it with a last checkpoint, SIGINT once more at once."""

from __future__ import annotations

import gc
import signal
from collections.abc import Callable


class Stopping:
    """A handler of those signals, once it is `installed`."""

    def __init__(self) -> None:
        self.stop: Callable[[], object] | None = None  # what stops it; None: it is still starting
        self.asked = False
        self.at_once = False  # somebody would not wait

    def install(self) -> None:
        """From here on. Who was started by `nohup` goes on when its terminal is closed."""
        signals = [signal.SIGTERM, signal.SIGINT]
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            signals.append(signal.SIGHUP)
        for number in signals:
            signal.signal(number, self)

    def __call__(self, number: int, _: object = None) -> None:
        """A signal has come. What is starting has nothing to save, and may be waiting for something that hangs."""
        first, self.asked = not self.asked, True
        if not first and number == signal.SIGINT:
            self.at_once = True
            raise KeyboardInterrupt
        if self.stop is not None:
            self.stop()
        elif first:
            raise KeyboardInterrupt


def in_order(serve: Callable[[Stopping], int]) -> int:
    """Serve, and end with 0 if it is stopped while it starts: there is nothing to save then.

    This module imports nothing heavy, so that signals are heeded while `serve` imports what it needs, too.
    """
    stopping = Stopping()
    stopping.install()
    try:
        return serve(stopping)
    except KeyboardInterrupt:
        if stopping.at_once or not stopping.asked:
            raise
    finally:
        gc.freeze()  # or Python's end would go through all that feeds have left, which takes it seconds
    from cluster.logs import configure, logger

    configure()  # its configuration may not have been read yet
    logger().info("stopped before it had begun")
    return 0
