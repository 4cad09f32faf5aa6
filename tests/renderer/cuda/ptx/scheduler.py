"""Choose which threads run, make them wait for each other, and detect threads that wait forever.

Threads at the same instruction run as a group. In step, the group that is furthest behind goes first, so that
threads meet again after a branch. At random, some warps sleep for a while, and sometimes a group runs that is not the
furthest behind: warps overtake each other, and so do the branches within a warp.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tests.renderer.cuda.ptx.decoder import Step, decode, registers_read
from tests.renderer.cuda.ptx.faults import KernelFault, UnknownPtxError
from tests.renderer.cuda.ptx.fusion import fuse
from tests.renderer.cuda.ptx.parser import Instruction, Kernel, Label
from tests.renderer.cuda.ptx.races import WARP
from tests.renderer.cuda.ptx.threads import Lanes, Launch, Threads, as_lanes
from tests.renderer.cuda.ptx.types import DTYPES
from tests.renderer.cuda.ptx.warps import BLOCK_BARRIER, WARP_STEPS, waits

RUNNING, WAITING, DONE = range(3)

TURNS_ASLEEP = 16
"""Average number of turns until other warps sleep, when warps are scheduled at random."""

LEAD_CHANCE = 0.1
"""How often a group that is not the furthest behind runs, when warps are scheduled at random."""


@dataclass
class Code:
    """A kernel whose instructions are decoded."""

    kernel: Kernel
    """As parsed."""
    steps: dict[int, Step] = field(default_factory=dict)
    """Functions by program counter. Branches, returns and waits have none."""
    leaders: set[int] = field(default_factory=set)
    """Targets of branches."""

    @cached_property
    def fused(self) -> dict[int, tuple[Step, int]]:
        """Functions that execute several instructions from a program counter on, and how many."""
        return fuse(self.kernel.instructions, self.leaders)


def decode_kernel(kernel: Kernel) -> Code:
    """Decode all instructions.

    Raises:
        UnknownPtxError: one of them is not known.
    """
    code = Code(kernel, leaders=set(kernel.labels.values()))
    used = registers_read(kernel.instructions)
    for pc, instruction in enumerate(kernel.instructions):
        if instruction.opcode not in ("bra", "bra.uni", "ret") and not waits(instruction):
            code.steps[pc] = decode(instruction, used)
    return code


@dataclass
class Counts:
    """The amount of executed work."""

    instructions: int = 0
    """Instructions, summed over threads."""
    turns: int = 0
    """Times that a group was chosen."""


class Scheduler:
    """Runs some resident blocks to their end.

    Args:
        code: the kernel.
        launch: its grid and arguments.
        blocks: (n,) numbers of the blocks.
        at_random: schedule at random, as described at the top of this file.
    """

    def __init__(self, code: Code, launch: Launch, blocks: NDArray[np.int64], at_random: bool) -> None:
        self.code, self.launch, self.at_random = code, launch, at_random
        self.threads = Threads(launch, blocks)
        self.counts = Counts()
        self._pc = np.zeros(self.threads.count, np.int64)
        self._state = np.full(self.threads.count, RUNNING)
        self._awake = np.ones(self.threads.count, np.bool_)

    def run(self) -> None:
        """Run until all threads have returned.

        Raises:
            KernelFault: they did something wrong, or wait for each other forever.
        """
        while True:
            running = self._state == RUNNING
            if running.any():
                self.counts.turns += 1
                self._run_group(self._choose(running))
            elif (self._state == DONE).all():
                return
            elif not self._release():
                self._report_deadlock()

    def _choose(self, running: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Return threads at the same instruction."""
        if self.at_random:
            running = self._choose_awake(running)
        candidates = np.flatnonzero(running)
        pcs = self._pc[candidates]
        random = self.launch.random
        lead = self.at_random and random.random() < LEAD_CHANCE
        return candidates[pcs == (pcs[random.integers(len(pcs))] if lead else pcs.min())]

    def _choose_awake(self, running: NDArray[np.bool_]) -> NDArray[np.bool_]:
        random = self.launch.random
        if random.integers(TURNS_ASLEEP) == 0:
            self._awake = np.repeat(random.random(len(running) // WARP) < 0.5, WARP)
        awake = running & self._awake
        return awake if awake.any() else running

    def _run_group(self, group: NDArray[np.int64]) -> None:
        """Run a group to the next branch, target of a branch, wait or return."""
        pc, lanes = int(self._pc[group[0]]), as_lanes(group)
        instructions, steps = self.code.kernel.instructions, self.code.steps
        while True:
            if pc in self.code.fused:
                several, count = self.code.fused[pc]
                several(self.threads, lanes)
                self.counts.instructions += count * len(group)
                pc += count
                if pc in self.code.leaders:
                    self._pc[group] = pc
                    return
            instruction = instructions[pc]
            self.counts.instructions += len(group)
            step = steps.get(pc)
            if step is None:
                self._pc[group] = pc
                self._control(instruction, pc, group)
                return
            executing = lanes if instruction.predicate is None else as_lanes(group[self._holds(instruction, lanes)])
            if instruction.predicate is None or len(self._pc[executing]):
                self._execute(instruction, step, executing)
            pc += 1
            if pc in self.code.leaders:
                self._pc[group] = pc
                return

    def _execute(self, instruction: Instruction, step: Callable[[Threads, Lanes], None], lanes: Lanes) -> None:
        try:
            step(self.threads, lanes)
        except KernelFault as fault:
            first = self.threads.thread[lanes][0]
            raise KernelFault(f"{fault} (at {instruction.text!r}, by thread {first} of the grid and others)") from None

    def _holds(self, instruction: Instruction, lanes: Lanes) -> NDArray[np.bool_]:
        assert instruction.predicate
        values: NDArray[np.bool_] = self.threads.read(instruction.predicate, DTYPES["pred"], lanes)
        return ~values if instruction.negated else values

    def _control(self, instruction: Instruction, pc: int, group: NDArray[np.int64]) -> None:
        """Branch, return or begin to wait."""
        taken = group
        if instruction.predicate:
            taken = group[self._holds(instruction, group)]
            self._pc[group] = pc + 1
        if instruction.opcode == "ret":
            self._state[taken] = DONE
        elif waits(instruction):
            self._state[taken] = WAITING
            self._release()
        else:
            target = instruction.operands[0]
            if not isinstance(target, Label):
                raise UnknownPtxError(f"{instruction.text} leads to no label")
            self._pc[taken] = self.code.kernel.labels[target.name]

    def _release(self) -> bool:
        """Resume the threads that no longer have to wait; return whether there were any."""
        waiting = self._state == WAITING
        released = False
        for pc in np.unique(self._pc[waiting]):
            instruction = self.code.kernel.instructions[pc]
            if instruction.opcode != BLOCK_BARRIER:
                here = (waiting & (self._pc == pc)).reshape(-1, WARP).all(axis=1)
                if here.any():
                    lanes = np.flatnonzero(np.repeat(here, WARP))
                    WARP_STEPS[instruction.opcode](self.threads, as_lanes(lanes), instruction)
                    self._go_on(lanes)
                    released = True
        return self._release_blocks(waiting) or released

    def _release_blocks(self, waiting: NDArray[np.bool_]) -> bool:
        barriers = [pc for pc in np.unique(self._pc[waiting]) if self.code.kernel.instructions[pc].opcode == BLOCK_BARRIER]
        there = waiting & np.isin(self._pc, barriers)
        complete = there.reshape(-1, self.launch.threads).all(axis=1)
        lanes = np.flatnonzero(np.repeat(complete, self.launch.threads))
        if not len(lanes):
            return False
        warps = self._pc[lanes].reshape(-1, WARP)
        if (warps != warps[:, :1]).any():
            raise KernelFault(f"{BLOCK_BARRIER}: the lanes of a warp wait at different barriers")
        self.threads.meet(as_lanes(lanes), whole_block=True)
        self._go_on(lanes)
        return True

    def _go_on(self, lanes: NDArray[np.int64]) -> None:
        self._state[lanes] = RUNNING
        self._pc[lanes] += 1

    def _report_deadlock(self) -> None:
        thread = int(np.flatnonzero(self._state == WAITING)[0])
        instruction = self.code.kernel.instructions[self._pc[thread]]
        where = f"thread {self.threads.thread[thread]} of the grid waits in vain"
        raise KernelFault(f"{instruction.opcode} is not reached by all threads: {where} (at {instruction.text!r})")
