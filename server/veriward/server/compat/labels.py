"""The one string that some trainers keep of a task, their `label`, as a task."""

import json
from collections.abc import Mapping
from typing import Any

from veriward.server.compat.facade import bad_field

MAX_LABEL_CHARS = 8_000_000


def task_of(label: Any, parameters: Mapping[str, str], field: str) -> dict[str, Any]:
    """The task that `label` is: an object, or the JSON of one (`{"verifier": …}`, `{"ref": …}`).

    Where the URL names a verifier (`?verifier=math`), `label` is the gold answer itself, for the task's field `answer`,
    or for the one that `?field=` names. Raises `Refusal` naming `field`.
    """
    if "verifier" in parameters:
        return {"verifier": parameters["verifier"], parameters.get("field", "answer"): label}
    if isinstance(label, dict):
        return label
    if not isinstance(label, str):
        raise bad_field(field, "must be the JSON of a task, or the URL must name the verifier: ?verifier=math")
    if len(label) > MAX_LABEL_CHARS:
        raise bad_field(field, f"{len(label):,} characters are more than {MAX_LABEL_CHARS:,}")
    try:
        task = json.loads(label)
    except (ValueError, RecursionError):
        task = None
    if not isinstance(task, dict):
        raise bad_field(
            field, "is not the JSON of a task; where it is a gold answer, let the URL name the verifier: ?verifier=math"
        )
    return task
