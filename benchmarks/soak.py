"""`python -m benchmarks.soak`: a server that runs for an hour at half of what it can take, and must not grow.

A `redshank serve` on Ray reads IPFIX by UDP and logs in a file for each hour, all at once; event time runs 60 times as
fast as the clock, so that hours close and files end all the time. First it is found out how much this machine takes;
half of it is sent from then on. At the end each figure has a slope: one that is above zero for certain, and of more
than noise, is growth, and the exit status is 1.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from benchmarks.record import machine, machine_lines
from benchmarks.soak_load import Order, Sent, put
from benchmarks.soak_sample import MB, Figures, metrics, octets, processes
from benchmarks.trend import Trend, trend

SPEED = 60.0
MIX = {"flows": 0.9, "vault": 0.08, "activity": 0.02}  # of the records
STEP_S, FACTOR, FIRST = 12.0, 1.6, 5_000.0  # of the search for what it takes
SETTLE_S = 10.0  # after another rate: files are looked for every five seconds
KEEPS_UP = 0.9
EVERY_S = 5.0
KEPT_HOURS = 6  # of event time, for which logs stay
# What must not grow, by more than which share of its level and how much at least.
JUDGED = {
    "memory": (0.02, 4.0),
    "descriptors": (0.01, 2.0),
    "sockets": (0.01, 2.0),
    "threads": (0.01, 2.0),
    "processes": (0.0, 0.5),
    "queue": (0.05, 1.0),
    "behind": (0.10, 0.0),
    "journal": (0.05, 16.0),  # a segment
    "state": (0.05, 0.5),
    "files of the state": (0.05, 3.0),
    "kept": (0.05, 1.0),
}
CONFIG = """
[inventory]
networks = ["10.0.0.0/8"]
[detections]
learning_days = 1
[checkpoints]
every_seconds = 5
[serve]
shards = 2
listen = "127.0.0.1:{health}"
silence_minutes = 0.25
rest_minutes = 1
forget_hours = 0.05
kept_megabytes = 1
kept_files = 2
journal_megabytes = 256
[[sources]]
folder = "in"
[[sources]]
ipfix = "udp://127.0.0.1:{udp}"
"""


class Soaked(msgspec.Struct):
    """All that was seen."""

    machine: dict[str, Any]
    takes: float  # records a second, at most
    rate: float  # that were sent
    warm_up_s: float
    samples: list[Figures] = []  # each with 's', the seconds since it began
    trends: dict[str, Any] = {}
    growing: list[str] = []
    failed: str = ""


class Served:
    """A server in a folder of its own, and what feeds it."""

    def __init__(self, folder: Path, speed: float, seconds: float) -> None:
        self.folder, self.health, self.udp = folder, _free(socket.SOCK_STREAM), _free(socket.SOCK_DGRAM)
        (folder / "in").mkdir(parents=True)
        (folder / "serve.toml").write_text(CONFIG.format(health=self.health, udp=self.udp))
        now = time.time()
        self.order = Order(self.udp, now - (seconds + 600) * speed, now, speed, KEPT_HOURS)

    @contextmanager
    def running(self) -> Iterator[subprocess.Popen[bytes]]:
        """The server, ready; it is stopped, or killed where it does not stop."""
        start = "import sys; from cluster.cli import main; sys.exit(main())"
        words = [sys.executable, "-c", start, "serve", "--config", str(self.folder / "serve.toml")]
        about = {**os.environ, "RAY_TMPDIR": str(self.folder / "ray")}
        with (self.folder / "log").open("ab") as log:
            server = subprocess.Popen(words, stderr=log, stdout=log, env=about)
        try:
            self._wait(server)
            yield server
        finally:
            server.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                server.wait(timeout=120)
            if server.poll() is None:
                server.kill()
                server.wait()

    def _wait(self, server: subprocess.Popen[bytes]) -> None:
        end = time.monotonic() + 120
        while time.monotonic() < end and server.poll() is None:
            with suppress(OSError):
                if metrics(self.health).get("ready"):
                    return
            time.sleep(0.5)
        raise RuntimeError(f"the server is not ready: {(self.folder / 'log').read_text()[-2_000:]}")

    @contextmanager
    def fed(self) -> Iterator[None]:
        """As the order says."""
        self.ask(0.0)
        load = subprocess.Popen([sys.executable, "-m", "benchmarks.soak_load", str(self.folder)])
        try:
            _until(lambda: (self.folder / "sent.json").exists())
            yield
        finally:
            load.terminate()
            load.wait()

    def ask(self, rate: float) -> None:
        """So many records a second."""
        shares = {kind: share * rate for kind, share in MIX.items()}
        self.order = msgspec.structs.replace(self.order, **shares)
        put(self.folder / "order.json", self.order)

    def sent(self) -> Sent:
        return msgspec.json.decode((self.folder / "sent.json").read_bytes(), type=Sent)

    def look(self, pid: int) -> Figures:
        """All figures now."""
        said, sent = metrics(self.health), self.sent()
        state, parts = octets([self.folder / "state"])
        journal, _ = octets([self.folder / "journal"])
        kept, _ = octets(self.folder.glob("rejected.jsonl*"))
        withheld, _ = octets(self.folder.glob("withheld.jsonl*"))
        alerts, _ = octets(self.folder.glob("alerts.jsonl"))
        _, files = octets([self.folder / "in"])
        logs, _ = octets((self.folder / "ray").glob("ray/session_*/logs"))
        found = {
            **processes(pid),
            "queue, calls in flight": said.get("queue_calls:max", 0.0),
            "behind, records": sent.records
            - said.get("records_read_total", 0.0)
            - said.get("udp_lost_records_total", 0.0),
            "journal (MB)": journal / MB,
            "state (MB)": state / MB,
            "files of the state": float(parts),
            "kept (MB)": (kept + withheld) / MB,
            "told (MB)": alerts / MB,
            "Ray's logs (MB)": logs / MB,
            "log files there": float(files),
            "log files begun": float(sent.files),
            "records sent": float(sent.records),
            "records read": said.get("records_read_total", 0.0),
            "late": said.get("records_total:late", 0.0),
            "rejected": said.get("records_total:rejected", 0.0),
            "lost on the way": said.get("records_lost_total", 0.0),
            "dropped datagrams": said.get("udp_dropped_datagrams_total", 0.0),
            "deaths": said.get("deaths_total", 0.0),
            "open hours": said.get("open_hours", 0.0),
            "checkpoint age (s)": said.get("checkpoint_age_seconds", 0.0),
        }
        if watermark := said.get("watermark_timestamp_seconds"):  # there is none at the beginning
            found["behind, watermark (s)"] = (sent.event_s - watermark) / self.order.speed
        return found


def capacity(folder: Path, speed: float) -> float:
    """Records a second that this machine takes: more and more are sent until it does not keep up."""
    served = Served(folder, speed, 300)
    rate = best = FIRST
    with served.running() as server, served.fed():
        while server.poll() is None:
            served.ask(rate)
            time.sleep(SETTLE_S)
            before, begun = metrics(served.health)["records_read_total"], time.monotonic()
            was_sent = served.sent().records
            time.sleep(STEP_S)
            read = metrics(served.health)["records_read_total"] - before
            sent, seconds = served.sent().records - was_sent, time.monotonic() - begun
            say(f"{sent / seconds:,.0f} records a second sent, {read / seconds:,.0f} read")
            best = max(best, min(read, sent) / seconds)
            if read < KEEPS_UP * sent or sent / seconds < KEEPS_UP * rate:
                return best
            rate *= FACTOR
    raise RuntimeError(f"the server ended: {(folder / 'log').read_text()[-2_000:]}")


def soak(folder: Path, rate: float, minutes: float, speed: float, out: Soaked) -> None:
    """Half an hour, an hour: a look every few seconds."""
    served = Served(folder, speed, minutes * 60)
    with served.running() as server, served.fed():
        served.ask(rate)
        begun = time.monotonic()
        while (now := time.monotonic() - begun) < minutes * 60:
            if server.poll() is not None:
                out.failed = f"the server ended: {(folder / 'log').read_text()[-2_000:]}"
                return
            with suppress(OSError):  # it may be busy
                out.samples.append({"s": now, **served.look(server.pid)})
            if len(out.samples) % 12 == 1:
                last = out.samples[-1]
                say(
                    f"{now / 60:.0f} min: {last['memory, all (MB)']:,.0f} MB, {last['descriptors']:.0f} descriptors, "
                    f"{last['behind, records']:,.0f} records behind"
                )
            time.sleep(max(0.0, EVERY_S - (time.monotonic() - begun - now)))


def judge(out: Soaked) -> dict[str, Trend]:
    """The trends after the warm-up, and what grows."""
    warm = [sample for sample in out.samples if sample["s"] >= out.warm_up_s]
    names = dict.fromkeys(name for sample in warm for name in sample if name != "s")
    trends = {}
    for name in names:
        some = [(sample["s"], sample[name]) for sample in warm if name in sample]
        if len(some) >= 4:
            trends[name] = trend(*zip(*some, strict=True))
            if (bound := _bound(name)) and trends[name].is_growth(*bound):
                out.growing.append(name)
    out.trends = {name: msgspec.to_builtins(one) for name, one in trends.items()}
    return trends


def _bound(name: str) -> tuple[float, float] | None:
    return JUDGED.get(name) or JUDGED.get(name.split(",")[0].split(" (")[0])


def show(out: Soaked, trends: dict[str, Trend], console: Console) -> None:
    """A table of all figures."""
    table = Table("figure", "level", "an hour", "from", "to", "", title="Soak", title_justify="left")
    for name, one in trends.items():
        bound = _bound(name)
        said = "GROWS" if name in out.growing else "flat" if bound else "not judged"
        table.add_row(name, *(f"{value:,.2f}" for value in (one.level, one.slope, one.low, one.high)), said)
    console.print(table)
    console.print(
        f"takes {out.takes:,.0f} records a second; sent {out.rate:,.0f}; warm-up {out.warm_up_s / 60:.1f} min"
    )
    for line in machine_lines(out.machine):
        console.print(line, highlight=False)


def picture(out: Soaked, path: Path) -> None:
    """One panel for each figure, what grows in red."""
    import matplotlib as mpl

    mpl.use("agg")
    import matplotlib.pyplot as plt

    names = [name for name in out.trends if _bound(name) or name == "Ray's logs (MB)"]
    rows = -(-len(names) // 3)
    figure, axes = plt.subplots(rows, 3, figsize=(12, 1.7 * rows), layout="constrained", squeeze=False)
    for one, name in zip(axes.flat, names, strict=False):
        some = [(sample["s"] / 60, sample[name]) for sample in out.samples if name in sample]
        colour = "#cc3311" if name in out.growing else "#4477aa"
        one.plot(*zip(*some, strict=True), color=colour, linewidth=0.8)
        one.axvspan(0, out.warm_up_s / 60, color="#dddddd", linewidth=0)
        one.set_ylim(bottom=0)
        one.set_title(name, fontsize=8, loc="left")
        one.tick_params(labelsize=7)
        one.spines[["top", "right"]].set_visible(False)
    for one in list(axes.flat)[len(names) :]:
        one.axis("off")
    figure.suptitle("\n".join(["Minutes; grey: the warm-up", *machine_lines(out.machine)]), fontsize=7)
    figure.savefig(path, dpi=100)
    plt.close(figure)


def say(line: str) -> None:
    """To who waits."""
    print(line, file=sys.stderr, flush=True)


def _free(kind: int) -> int:
    with socket.socket(socket.AF_INET, kind) as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _until(what: Any) -> None:
    end = time.monotonic() + 60
    while not what():
        if time.monotonic() > end:
            raise RuntimeError("it did not begin to send")
        time.sleep(0.1)


def main() -> int:
    """0: nothing grows; 1: something does, or the server ended."""
    parser = argparse.ArgumentParser("python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument(
        "--speed", type=float, default=SPEED, help="seconds of event time in one of the clock"
    )
    parser.add_argument("--share", type=float, default=0.5, help="of what the machine takes")
    parser.add_argument("--rate", type=float, help="records a second, instead of finding out what it takes")
    parser.add_argument("--warm-up", type=float, help="minutes; by default a third")
    parser.add_argument("--out", type=Path, default=Path("build/bench"), help="folder of the results")
    given = parser.parse_args()
    warm_up_s = 60 * (given.minutes / 3 if given.warm_up is None else given.warm_up)
    command = f"python -m benchmarks.soak {' '.join(sys.argv[1:])}"
    with tempfile.TemporaryDirectory(prefix="soak-", ignore_cleanup_errors=True) as folder:
        about = machine(command)
        takes = given.rate / given.share if given.rate else capacity(Path(folder) / "c", given.speed)
        out = Soaked(about, takes, takes * given.share, warm_up_s)
        soak(Path(folder) / "s", out.rate, given.minutes, given.speed, out)
    trends = judge(out)
    given.out.mkdir(parents=True, exist_ok=True)
    (given.out / "soak.json").write_bytes(msgspec.json.format(msgspec.json.encode(out)))
    if trends:
        picture(out, given.out / "soak.png")
    show(out, trends, Console(emoji=False, width=None if sys.stdout.isatty() else 150))
    if out.failed:
        say(out.failed)
    return int(bool(out.growing or out.failed))


if __name__ == "__main__":
    sys.exit(main())
