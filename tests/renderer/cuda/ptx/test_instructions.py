"""Instructions against values computed by hand. Unknown instructions are rejected."""

from __future__ import annotations

import numpy as np
import pytest

from tests.renderer.cuda.ptx.arithmetic import ARITHMETIC
from tests.renderer.cuda.ptx.faults import KernelFault, UnknownPtxError
from tests.renderer.cuda.ptx.gpu import PtxProcessor
from tests.renderer.cuda.ptx.types import DTYPES

pytestmark = pytest.mark.gpu

NAN, INFINITY = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("opcode", "operands", "wanted"),
    [
        ("add.s32", (2**31 - 1, 1), -(2**31)),
        ("sub.u32", (0, 1), 2**32 - 1),
        ("mul.lo.s32", (65536, 65536), 0),
        ("mul.wide.s32", (-3, 2**31 - 1), -3 * (2**31 - 1)),
        ("mul.wide.u32", (2**32 - 1, 2**32 - 1), (2**32 - 1) ** 2),
        ("mul.hi.s32", (-7, 1431655766), -3),  # a third, rounded down: (2^32 + 2) / 3 is the factor
        ("mul.hi.u16", (65535, 43691), 43690),
        ("mul.hi.u32", (2**31, 6), 3),
        ("mad.lo.s32", (3, 4, -20), -8),
        ("div.s32", (-7, 2), -3),
        ("rem.s32", (-7, 2), -1),
        ("shl.b32", (1, 32), 0),
        ("shl.b64", (1, 40), 2**40),
        ("shr.u32", (2**31, 31), 1),
        ("shr.s32", (-8, 1), -4),
        ("shr.s32", (-8, 100), -1),
        ("shr.u32", (8, 100), 0),
        ("shr.u16", (65535, 3), 8191),
        ("mul.lo.s16", (300, 300), 24464),  # 90000 - 65536
        ("bfi.b32", (0b101, 0xFF, 1, 3), 0xFB),
        ("min.relu.s32", (-5, 3), 0),
        ("max.relu.s32", (-5, 3), 3),
        ("popc.b32", (0xF0F0,), 8),
        ("min.f32", (NAN, 2.0), 2.0),
        ("max.f32", (-1.0, NAN), -1.0),
        ("rcp.rn.f32", (0.0,), INFINITY),
        ("fma.rn.f32", (1 + 2.0**-23, 1 + 2.0**-23, -1.0), 2.0**-22 + 2.0**-46),
        ("mul.rn.f16x2", (0x3C00_4000, 0xC200_3800), 0xC200_3C00),  # 1 * -3, 2 * 0.5
        ("fma.rn.f16x2", (0x3C01_7BFF, 0x3C01_4000, 0xBC00_0000), 0x1800_7C00),  # (1 + 2^-10)^2 - 1, a tie; too large
        ("cvt.rzi.s32.f32", (-2.9,), -2),
        ("cvt.rzi.s32.f32", (3e9,), 2**31 - 1),
        ("cvt.rzi.s32.f32", (NAN,), 0),
        ("cvt.rzi.u32.f32", (-5.0,), 0),
        ("cvt.rn.f16.f32", (65520.0,), INFINITY),
        ("cvt.rn.f16.f32", (1 + 3 * 2.0**-11,), 1 + 2.0**-9),
        ("cvt.u16.u32", (65537,), 1),
        ("cvt.s64.s32", (-1,), -1),
        ("setp.lt.f32", (NAN, 1.0), False),
        ("setp.geu.f32", (NAN, 1.0), True),
        ("setp.ne.f32", (NAN, NAN), False),
        ("setp.neu.f32", (NAN, 1.0), True),
        ("selp.f32", (1.0, 2.0, False), 2.0),
        ("not.pred", (True,), False),
    ],
)
def test_results_by_hand(opcode: str, operands: tuple[float, ...], wanted: float) -> None:
    entry = ARITHMETIC[opcode]
    arrays = [np.array([value], DTYPES[kind]) for value, kind in zip(operands, entry.sources, strict=True)]
    with np.errstate(all="ignore"):
        result = entry.function(*arrays)
    assert result.dtype == DTYPES[entry.result]
    assert result[0] == np.array(wanted, DTYPES[entry.result])


def test_integers_are_not_divided_by_zero() -> None:
    with pytest.raises(KernelFault, match="divided by zero"):
        ARITHMETIC["div.s32"].function(np.array([1, 1], np.int32), np.array([1, 0], np.int32))


KERNEL = """
.visible .entry kernel(
	.param .align 8 .b8 kernel_param_0[8]
)
{
	.reg .pred 	%p<2>;
	.reg .b32 	%r<4>;
	.reg .b64 	%rd<2>;
	STATEMENT;
	ret;
}
"""


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("ex2.approx.f32 %r1, %r2", "ex2.approx.f32"),
        ("add.ftz.f32 %r1, %r2, %r3", "add.ftz.f32"),
        ("fma.rz.f32 %r1, %r2, %r3, %r1", "fma.rz.f32"),
        ("ld.global.u8 %r1, [%rd1]", "ld.global.u8"),
        ("ld.shared.nc.u32 %r1, [%r2]", "ld.shared.nc.u32"),
        ("atom.global.cas.b32 %r1, [%rd1], %r2, %r3", "atom.global.cas.b32"),
        ("atom.relaxed.sys.global.add.u32 %r1, [%rd1], %r2", "atom.relaxed.sys.global.add.u32"),
        ("mma.sync.aligned.m8n8k4.row.col.f32.f16.f16.f32 %r1, %r2, %r3, %r1", "m8n8k4"),
        ("redux.sync.add.s32 %r1, %r2, -1", "redux.sync.add.s32"),
        ("@%p1 bar.sync 0", "bar.sync with a predicate"),
        ("bar.sync 0, 64", "bar.sync of some threads"),
        ("add.s32 %rd1, %r1, %r2", "%rd1 has another width"),
        ("mov.u32 %r1, %clock", "%clock"),
        ("bra $L__BB0_9", "L__BB0_9"),
        (".reg .b128 %q<2>", ".b128"),
    ],
)
def test_unknown_ptx_is_refused_by_name(statement: str, named: str) -> None:
    with pytest.raises(UnknownPtxError, match=named.replace(".", r"\.")):
        PtxProcessor().load(KERNEL.replace("STATEMENT", statement), ["kernel"])
