"""Settings for a command: from the environment, a TOML file and flags, or one line that says what is wrong in them."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from veriward.cli.exits import Exit, stop

if TYPE_CHECKING:
    from veriward.server.settings import Settings


def load_settings(config: Path | None, **flags: Any) -> "Settings":
    """The settings; flags that are None were not given. Ends the command where they are not valid."""
    from pydantic import ValidationError

    from veriward.sandbox import languages, launch, profiles
    from veriward.server.settings import Settings

    for variable, known in ((launch.LANGUAGES_VARIABLE, languages.known), (launch.PROFILES_VARIABLE, profiles.known)):
        try:
            known()
        except ValueError as error:
            stop(f"{variable}: {error}", Exit.USAGE)
    try:
        return Settings.load(config, **flags)
    except ValidationError as invalid:
        first = invalid.errors(include_url=False, include_input=False)[0]
        stop(f"setting {'.'.join(map(str, first['loc']))}: {first['msg']}", Exit.USAGE)
    except ValueError as error:
        stop(str(error), Exit.USAGE)
