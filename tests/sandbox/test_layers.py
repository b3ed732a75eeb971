"""The tests can tell a missing layer: without it the canaries miss it, and the attacks that it stops succeed."""

import os
from typing import Any

import pytest

from veriward.sandbox.errors import SandboxError
from veriward.sandbox.levels import CGROUPS, CPU
from veriward.sandbox.local import LocalSandbox
from veriward.sandbox.zygote import LAYERS

pytestmark = pytest.mark.sandbox

WITHOUT_A_CANARY = ("uts_namespace",)  # the host's name is not worth a level


@pytest.mark.parametrize("layer", sorted({*LAYERS, *CGROUPS, CPU}))
def test_a_layer_left_out_shows(layer: str, attacks: list[Any], sandbox: LocalSandbox) -> None:
    if layer not in (*sandbox.isolation.layers, *WITHOUT_A_CANARY):
        pytest.skip("this host does not give it")
    if layer == "user_namespace" and os.geteuid() != 0:
        pytest.skip("without it only root has the other namespaces")
    named = [attack for attack in attacks if layer in attack.fails_without and not attack.obstacle(sandbox.isolation)]
    with LocalSandbox("L0", without=[layer]) as weak:
        isolation = weak.isolation
        unnoticed = [attack.name for attack in named if not attack.complaints(attack.perform(weak))]
    assert isolation.level == "L0"
    assert layer not in isolation.layers
    assert named
    assert unnoticed == []


@pytest.mark.parametrize("minimum", ["L1", "L2", "L3"])
def test_no_layer_is_left_out_of_a_sandbox_that_is_to_have_a_level(minimum: str) -> None:
    with pytest.raises(SandboxError, match="did not start"), LocalSandbox(minimum, without=["seccomp"]):
        pass
