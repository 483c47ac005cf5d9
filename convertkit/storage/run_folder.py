"""The folder of a run: where its artifacts, logs and scripts stand, and what never stays behind."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from convertkit.artifacts.files import remove_artifact
from convertkit.errors import NO_SPACE, DiskFullError, StageError, UsageError
from convertkit.storage.atomic import publish
from convertkit.storage.locks import HeldError, Waiting, locked

REJECTED, OUTPUTS, PROFILES = "rejected", "outputs", "profiles"
MARK = ".convertkit"  # in such a folder that a run made: the next run may remove it, and no other
WORK = ".work-"


class RunFolder:
    """A context manager: creates the folder, and on the way out removes what is not for the user.

    Attributes:
        path: absolute path of the folder.
        scratch: for intermediate files; removed at the end, however the run ends.
    """

    def __init__(self, path: Path, *, waits: bool = True, waiting: Waiting | None = None) -> None:
        """The folder of one run at a time.

        Args:
            waits: wait for another run that writes there.
            waiting: told which process that is, before the wait.
        """
        self.path = path.resolve()
        self._waits = waits
        self._waiting = waiting
        self._created: list[Path] = []
        self._is_kept = False
        self._lock = contextlib.ExitStack()

    def __enter__(self) -> Self:
        """Create it, with its `logs` and `repro` folders; what a run that was killed left there is removed.

        Raises:
            UsageError: it cannot be written, or another run writes there and this one does not wait.
        """
        try:
            self._enter()
        except HeldError as error:
            raise UsageError(
                f"{error} is writing to {self.path}", hint="wait for it, or choose another folder with -o"
            ) from None
        except OSError as error:
            self._remove_empty()
            self._lock.close()
            if error.errno in NO_SPACE:
                raise DiskFullError(f"no space on {self.path}") from None
            raise UsageError(
                f"cannot write to {self.path}: {error.strerror}", hint="choose another folder with -o"
            ) from None
        for name in (REJECTED, OUTPUTS, PROFILES):
            if (self.path / name / MARK).exists():
                shutil.rmtree(self.path / name, ignore_errors=True)
        return self

    def _enter(self) -> None:
        """Make it, take its lock, and make it clean."""
        self._created = [p for p in (self.path, *self.path.parents) if not p.exists()]
        self._lock.enter_context(locked(self.path, is_folder=True, waits=self._waits, waiting=self._waiting))
        if os.listdir(self.path):  # another run made it in the meantime
            self._created = []
        for left in (*self.path.glob(f"{WORK}*"), *self.path.glob(".old-*"), *self.logs.glob(".worker-*")):
            shutil.rmtree(left, ignore_errors=True)
        for left in self.path.glob("*.partial"):
            left.unlink(missing_ok=True)
        self.logs.mkdir(exist_ok=True)
        self.repro.mkdir(exist_ok=True)
        self.scratch = Path(tempfile.mkdtemp(prefix=WORK, dir=self.path))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove the scratch folder; a run that was refused or interrupted removes all that it made."""
        shutil.rmtree(self.scratch, ignore_errors=True)
        self._remove_unused()
        keeps_logs = self._is_kept or kind is None or issubclass(kind, StageError)
        if self.path in self._created and not keeps_logs:
            shutil.rmtree(self.path, ignore_errors=True)
        self._tidy()
        self._lock.close()

    def keep(self) -> None:
        """Keep what there is, also when the run ends by an error."""
        self._is_kept = True

    def _tidy(self) -> None:
        """Remove empty logs and folders, and those of workers that were being started."""
        for home in self.logs.glob(".worker-*"):
            shutil.rmtree(home, ignore_errors=True)
        for log in self.logs.glob("*.log"):
            if not log.stat().st_size:
                log.unlink()
        self._remove_empty()

    def _remove_unused(self) -> None:
        """Remove the refined sources that no replay script starts from."""
        scripts = "".join(script.read_text() for script in self.repro.glob("*.sh"))
        for source in self.refined.glob("*/*"):
            if self.relative(source) not in scripts:
                remove_artifact(source)
        for folder in (*self.refined.glob("*"), self.refined):
            if folder.is_dir() and not os.listdir(folder):
                folder.rmdir()

    def _remove_empty(self) -> None:
        with contextlib.suppress(OSError):  # a name that is too long for a folder
            for folder in (self.logs, self.repro, *self._created):
                if folder.is_dir() and not os.listdir(folder):
                    folder.rmdir()

    @property
    def logs(self) -> Path:
        """One log a stage and runtime."""
        return self.path / "logs"

    @property
    def repro(self) -> Path:
        """Replay scripts and the samples they need."""
        return self.path / "repro"

    @property
    def refined(self) -> Path:
        """Sources of INT8 hops whose weights were rounded beforehand; what a replay starts from stays."""
        return self.repro / "refined"

    def relative(self, path: str | Path) -> str:
        """A path within the folder, as the report writes it."""
        return str(Path(path).relative_to(self.path))

    def accept(self, made: Path, name: str) -> Path:
        """Bring an artifact under the name that ships, in one step."""
        publish(made, self.path / name)
        return self.path / name

    def reject(self, made: Path, name: str) -> Path:
        """Move an artifact that failed its gate out of the way; nothing stays under the name that ships."""
        folder = self.own(REJECTED)
        publish(made, folder / name)
        remove_artifact(self.path / name)
        return folder / name

    def own(self, name: str) -> Path:
        """A folder within it that the next run may remove, unless the user made it."""
        folder = self.path / name
        if not folder.exists():
            folder.mkdir()
            (folder / MARK).touch()
        return folder
