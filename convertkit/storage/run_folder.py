"""The folder of a run: where its artifacts, logs and scripts stand, and what never stays behind."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from convertkit.artifacts.files import move_artifact, remove_artifact
from convertkit.errors import StageError, UsageError

REJECTED = "rejected"


class RunFolder:
    """A context manager: creates the folder, and on the way out removes what is not for the user.

    Attributes:
        path: absolute path of the folder.
        scratch: for intermediate files; removed at the end, however the run ends.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self._created = [p for p in (self.path, *self.path.parents) if not p.exists()]

    def __enter__(self) -> Self:
        """Create it, with its `logs` and `repro` folders.

        Raises:
            UsageError: it cannot be written.
        """
        try:
            self.logs.mkdir(parents=True, exist_ok=True)
            self.repro.mkdir(exist_ok=True)
            self.scratch = Path(tempfile.mkdtemp(prefix=".work-", dir=self.path))
        except OSError as error:
            self._remove_empty()
            raise UsageError(
                f"cannot write to {self.path}: {error.strerror}", hint="choose another folder with -o"
            ) from None
        shutil.rmtree(self.path / REJECTED, ignore_errors=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove the scratch folder; a run that was refused or interrupted removes all that it made."""
        shutil.rmtree(self.scratch, ignore_errors=True)
        self._remove_unused()
        keeps_logs = kind is None or issubclass(kind, StageError)
        if self.path in self._created and not keeps_logs:
            shutil.rmtree(self.path, ignore_errors=True)
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
        """Move an artifact to the name that ships."""
        return self._place(made, self.path / name)

    def reject(self, made: Path, name: str) -> Path:
        """Move an artifact that failed its gate out of the way; nothing stays under the name that ships."""
        remove_artifact(self.path / name)
        return self._place(made, self.path / REJECTED / name)

    def _place(self, made: Path, target: Path) -> Path:
        move_artifact(made, target)
        return target
