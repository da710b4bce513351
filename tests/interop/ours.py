"""Our own programs as processes, as a person starts them from a shell."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path


class Registrar:
    """Our registrar as a process: `onem2m-ws registrar`, at `port` of the loopback interface; 0 takes a free one.

    With `secure` it listens with TLS, as `arguments` say.
    """

    START_SECONDS = 30.0
    STOP_SECONDS = 15.0

    def __init__(self, *arguments: str, port: int = 0, secure: bool = False) -> None:
        listen = f"{'wss' if secure else 'ws'}://127.0.0.1:{port}"
        command = [str(Path(sys.executable).parent / "onem2m-ws"), "registrar", "--listen", listen]
        self.process = subprocess.Popen(
            [*command, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        try:
            self.url = self._announced()
        except BaseException:
            self.process.kill()
            self.process.communicate()
            raise

    def _announced(self) -> str:
        """The address in its line `listening on ws://...`, which it prints when it is ready."""
        assert self.process.stdout is not None
        pipe, text = self.process.stdout.fileno(), b""
        deadline = time.monotonic() + self.START_SECONDS
        while b"\n" not in text:
            readable, _, _ = select.select([pipe], [], [], max(0.0, deadline - time.monotonic()))
            chunk = os.read(pipe, 4096) if readable else b""
            if not chunk:
                self.process.kill()
                _, errors = self.process.communicate()
                raise AssertionError(f"the registrar did not say that it listens: {text!r}, {errors.decode()}")
            text += chunk
        words = text.split(b"\n")[0].decode().split()
        assert words[:2] == ["listening", "on"] and words[2].startswith(("ws://", "wss://")), words
        return words[2]

    def stop(self) -> int:
        """SIGTERM; returns its exit status."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.communicate(timeout=self.STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
            raise AssertionError(f"the registrar still ran {self.STOP_SECONDS:.0f} s after SIGTERM") from None
        return self.process.returncode

    def kill(self) -> None:
        """SIGKILL: it can say and write nothing any more."""
        self.process.kill()
        self.process.communicate()
