"""bfloat16 only where it pays."""

from __future__ import annotations

import pytest
import torch

from training.loop import step

CPU = torch.device("cpu")


@pytest.mark.parametrize("native", [False, True])
@pytest.mark.parametrize("wanted", [False, True])
def test_bfloat16_needs_to_be_wanted_and_multiplied_by_the_processor(
    monkeypatch: pytest.MonkeyPatch, native: bool, wanted: bool
) -> None:
    monkeypatch.setattr(step, "multiplies_bfloat16", lambda: native)
    with step.decoder_precision(wanted, CPU):
        product = torch.ones(2, 2) @ torch.ones(2, 2)
    assert product.dtype == (torch.bfloat16 if native and wanted else torch.float32)


def test_a_gpu_is_asked_whether_it_emulates(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []

    def is_supported(including_emulation: bool) -> bool:
        asked.append(including_emulation)
        return False

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", is_supported)
    with step.decoder_precision(True, torch.device("cuda")):
        assert not torch.is_autocast_enabled("cuda")
    assert asked == [False]
