"""Which languages work here, tried in the jail when first asked for; and who performs an execution in which."""

from dataclasses import replace

from veriward.sandbox.errors import ExecutionRefused, SandboxError
from veriward.sandbox.execution import MIB, Execution, Isolation, Limits, RunStatus
from veriward.sandbox.fresh import FreshPerformance
from veriward.sandbox.languages import PYTHON, Language, known
from veriward.sandbox.nursery import Nursery
from veriward.sandbox.watch import Watch

MAX_VERSION_CHARS = 200
_LIMITS = Limits(wall_seconds=20, cpu_seconds=5, memory_bytes=512 * MIB)
_SHOWN_NAME_CHARS = 50


class Workshop:
    """The languages of one nursery. A keeper asks each only once: what is installed does not change under it."""

    def __init__(self, nursery: Nursery, isolation: Isolation) -> None:
        self._nursery = nursery
        self._isolation = isolation
        self._versions: dict[str, str | None] = {}
        try:
            self._known = known()
        except ValueError as fault:
            raise SandboxError(str(fault)) from fault

    def require(self, name: str, watch: Watch) -> Language:
        """The language of that name. Raises `ExecutionRefused`, naming those that are here, if it is not."""
        language = self._known.get(name)
        if language is None or self._version(language, watch) is None:
            here = ", ".join(self.found(watch))
            raise ExecutionRefused("language", f"{name[:_SHOWN_NAME_CHARS]!r} is not here; there are: {here}")
        return language

    def performance(self, execution: Execution, watch: Watch) -> FreshPerformance:
        """Raises `ExecutionRefused` if the language is not here, or a file takes the name of one of its own."""
        language = self.require(execution.language, watch)
        for name in execution.files:
            if name.partition("/")[0] in language.own_files:
                raise ExecutionRefused("files", f"{name!r} is the program's own name in {language.name}")
        return FreshPerformance(execution, language, self._nursery, watch, self._isolation)

    def found(self, watch: Watch) -> dict[str, str]:
        """Name and version of each language that works here, the built-in Python first, which has none to tell."""
        versions = {name: self._version(language, watch) for name, language in self._known.items()}
        return {PYTHON: "", **{name: version for name, version in versions.items() if version is not None}}

    def _version(self, language: Language, watch: Watch) -> str | None:
        """What its version command said, None if that did not work."""
        if language.name not in self._versions:
            self._versions[language.name] = self._try(language, watch)
        return self._versions[language.name]

    def _try(self, language: Language, watch: Watch) -> str | None:
        if self._nursery.failure:  # without namespaces there is no box, and no process may be started
            return None
        trial = replace(language, run=language.version, compile=None)
        execution = Execution("", language=language.name, limits=_LIMITS)
        (run,) = FreshPerformance(execution, trial, self._nursery, watch, self._isolation).runs()
        if run.status is not RunStatus.FINISHED:
            return None
        return run.stdout.decode(errors="replace").partition("\n")[0].strip()[:MAX_VERSION_CHARS]
