"""Types at `zoarium shell` in a pseudo-terminal, and reads what is on the screen.

usage: shell_pty.py ZOARIUM HOST:PORT HISTORY
"""

import os
import pty
import re
import select
import signal
import socket
import subprocess
import sys
import time

PROGRAM, SERVER, HISTORY = sys.argv[1:4]
LIMIT = 30.0
# What a terminal answers when it is asked where its cursor is.
CURSOR_ASKED = b"\x1b[6n"
CONTROLS = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07]*\x07|\x1b[=>78]")


class Terminal:
    def __init__(self, *arguments):
        self.text = b""
        self.seen = 0
        pid, self.fd = pty.fork()
        if pid == 0:
            os.environ.update(TERM="xterm", ZOARIUM_HISTORY=HISTORY, COLUMNS="120", LINES="40")
            os.execv(PROGRAM, [PROGRAM, *arguments])
        self.pid = pid

    def read(self, wait):
        ready, _, _ = select.select([self.fd], [], [], wait)
        if not ready:
            return False
        try:
            chunk = os.read(self.fd, 65536)
        except OSError:
            return False
        if CURSOR_ASKED in chunk:
            os.write(self.fd, b"\x1b[1;1R")
        self.text += chunk
        return bool(chunk)

    def shown(self):
        return CONTROLS.sub("", self.text[self.seen :].decode(errors="replace"))

    def expect(self, pattern):
        """Waits for something behind what was last waited for."""
        end = time.monotonic() + LIMIT
        while not re.search(pattern, self.shown()):
            if time.monotonic() > end:
                sys.exit(f"waited for {pattern!r}, and saw:\n{self.shown()}")
            self.read(0.05)
        shown = self.shown()
        self.seen = len(self.text)
        return shown

    def type(self, text):
        os.write(self.fd, text.encode())

    def end(self):
        end = time.monotonic() + LIMIT
        while time.monotonic() < end:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status)
            self.read(0.02)
        os.kill(self.pid, signal.SIGKILL)
        sys.exit("it does not end")


def run(*words):
    """One command, from aside."""
    command = [PROGRAM, "shell", "-s", SERVER, *words]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def watched():
    """Waits until the server has a watch; the command says nothing before the first event."""
    host, port = SERVER.rsplit(":", 1)
    end = time.monotonic() + LIMIT
    answer = b""
    while not re.search(rb"Total watches:[1-9]", answer):
        if time.monotonic() > end:
            sys.exit(f"nothing is watched:\n{answer.decode()}")
        with socket.create_connection((host, int(port)), LIMIT) as server:
            server.sendall(b"wchs")
            answer = server.makefile("rb").read()


def prompt(terminal):
    """Waits for the prompt behind what a command has printed: while a line is typed, it is drawn
    anew with each key."""
    terminal.expect(re.escape(SERVER) + r"> ")


def typing():
    shell = Terminal("shell", "-s", SERVER)
    prompt(shell)
    shell.type("cre\t")
    shell.expect("create ")
    shell.type("/pty hello\r")
    shell.expect("Created /pty")
    prompt(shell)
    shell.type("create /pty/child\r")
    shell.expect("Created /pty/child")
    prompt(shell)
    # Paths are those of the live tree, option names those of the table.
    shell.type("get /pt\t")
    shell.expect("get /pty")
    shell.type("/c\t")
    shell.expect("/pty/child")
    shell.type("\r")
    shell.expect("null")
    prompt(shell)
    shell.type("fnid\r")
    shell.expect(r"no command fnid; did you mean find\?")
    prompt(shell)
    shell.type("get /pty/none/at/all\r")
    shell.expect("Node does not exist: /pty/none/at/all; the nearest above it is /pty")
    prompt(shell)
    return shell


def watching(shell):
    """An event comes while a line is typed: it stands above the line, which is whole."""
    shell.type("get -w /pty\r")
    shell.expect("hello")
    prompt(shell)
    shell.type("set /pty/child half-a-")
    shell.expect("half-a-")
    run("set", "/pty", "changed")
    shown = shell.expect(r"NodeDataChanged path:/pty [\s\S]*half-a-")
    # The editor blanks the line and goes back to its start before it prints.
    event = next(line for line in re.split(r"[\r\n]+", shown) if "WatchedEvent" in line)
    whole = r"WatchedEvent state:SyncConnected type:NodeDataChanged path:/pty zxid: \d+"
    if not re.fullmatch(whole, event):
        sys.exit(f"the event is torn: {event!r}")
    shell.type("line\r")
    prompt(shell)
    shell.type("get /pty/child\r")
    shell.expect("half-a-line")
    prompt(shell)


def live_log(shell):
    shell.type("watch /pty\r")
    watched()
    run("create", "/pty/logged")
    shell.expect(r"Created +0x[0-9a-f]+ /pty/logged")
    shell.type("\x03")
    shell.expect("interrupted")
    prompt(shell)


def asking(shell):
    shell.type("deleteall /pty\r")
    shell.expect(r"deletes 3 znodes. Go on\? \[y/N\] ")
    shell.type("n\r")
    shell.expect("not done")
    prompt(shell)
    shell.type("deleteall /pty\r")
    shell.expect(r"Go on\? \[y/N\] ")
    shell.type("y\r")
    prompt(shell)
    shell.type("ls /pty\r")
    shell.expect("Node does not exist: /pty")
    prompt(shell)


def leaving(shell):
    shell.type("addauth digest user:secret\r")
    shell.type("whoami\r")
    shell.expect("digest: user")
    prompt(shell)
    shell.type("\x04")
    if (code := shell.end()) != 0:
        sys.exit(f"it ended with {code}")


def remembering():
    kept = open(HISTORY).read()
    if "fnid" not in kept or "secret" in kept:
        sys.exit(f"the history has the wrong lines:\n{kept}")
    again = Terminal("shell", "-s", SERVER)
    prompt(again)
    again.type("\x1b[A")
    again.expect("whoami")
    again.type("\x03")
    prompt(again)
    again.type("quit\r")
    again.end()


def as_zkcli():
    shell = Terminal("zkcli", "-waitforconnection", "-server", SERVER)
    shell.expect("JLine support is enabled")
    shell.expect(r"\[zk: " + re.escape(SERVER) + r"\(CONNECTED\) 0\] ")
    shell.type("ls /\r")
    shell.expect("zookeeper")
    shell.expect(r"\(CONNECTED\) 1\] ")
    shell.type("close\r")
    shell.expect(r"\(CLOSED\) 2\] ")
    shell.type("quit\r")
    if (code := shell.end()) != 0:
        sys.exit(f"it ended with {code}")


shell = typing()
watching(shell)
live_log(shell)
asking(shell)
leaving(shell)
remembering()
as_zkcli()
print("typed, completed, watched, asked, remembered")
