// The instruction sets that kernels are built for, and the choice of one for the processor at run time.
//
// Each source file of kernels is compiled once per instruction set into a namespace of the set's name. The rendering
// and the training module have the same builds under the same names; the environment variable MLPVID_ISA takes these
// names.
//   x86_64_v4   AVX-512 F, BW, CD, DQ and VL: 16 floats per register
//   x86_64_v3   AVX2, FMA, F16C, BMI 1 and 2: 8 floats per register
//   x86_64_v2   SSE 4.2 and POPCNT: 4 floats per register
//   generic     any other processor: 4 floats per register where the compiler has vectors
#pragma once

#include <cstddef>
#include <string>
#include <vector>

// Calls the macro X once per build of this module, best first.
#if defined(MLPVID_X86_64)
#define MLPVID_INSTRUCTION_SETS(X) \
    X(x86_64_v4)                   \
    X(x86_64_v3)                   \
    X(x86_64_v2)
#else
#define MLPVID_INSTRUCTION_SETS(X) X(generic)
#endif

namespace mlpvid {

// The names of those builds that this processor can run, best first.
std::vector<std::string> instruction_sets();

// The position in MLPVID_INSTRUCTION_SETS of the build called `name`; an empty name takes the best one that this
// processor can run. Throws std::invalid_argument when there is none.
size_t choose_instruction_set(const std::string& name);

// Whether the processor multiplies bfloat16 numbers with AMX (TDPBF16PS), in addition to x86_64_v4. Only on Linux. The
// first call asks the system to save AMX's registers for this process.
bool has_amx_bfloat16();

// Whether the processor multiplies bfloat16 numbers with AVX-512 (VDPBF16PS), in addition to x86_64_v4.
bool has_avx512_bfloat16();

}  // namespace mlpvid
