"""The decoder uses bfloat16 only where it is fast."""

from __future__ import annotations

import pytest
import torch

from training.loop import step

CPU = torch.device("cpu")


@pytest.mark.parametrize("native", [False, True])
@pytest.mark.parametrize("wanted", [False, True])
def test_bfloat16_is_used_when_requested_and_supported_by_the_processor(
    monkeypatch: pytest.MonkeyPatch, native: bool, wanted: bool
) -> None:
    monkeypatch.setattr(step, "multiplies_bfloat16", lambda: native)
    with step.decoder_precision(wanted, CPU):
        product = torch.ones(2, 2) @ torch.ones(2, 2)
    assert product.dtype == (torch.bfloat16 if native and wanted else torch.float32)


def test_gpus_that_emulate_bfloat16_do_not_use_it(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []

    def is_supported(including_emulation: bool) -> bool:
        asked.append(including_emulation)
        return False

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", is_supported)
    with step.decoder_precision(True, torch.device("cuda")):
        assert not torch.is_autocast_enabled("cuda")
    assert asked == [False]
