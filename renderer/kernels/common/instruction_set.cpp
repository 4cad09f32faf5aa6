#include "instruction_set.h"

#include <stdexcept>

#if defined(MLPVID_X86_64)
#if defined(_MSC_VER)
#include <intrin.h>
#else
#include <cpuid.h>
#endif
#endif
#if defined(MLPVID_X86_64) && defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace mlpvid {

namespace {

struct Build {
    const char* name;
    bool supported;
};

#if defined(MLPVID_X86_64)

struct Registers {
    unsigned eax, ebx, ecx, edx;
};

// Asks the processor directly, because the tests that compilers offer differ in the names of features.
Registers cpuid(unsigned leaf, unsigned part = 0) {
    Registers r = {};
#if defined(_MSC_VER)
    __cpuidex(reinterpret_cast<int*>(&r), static_cast<int>(leaf), static_cast<int>(part));
#else
    __get_cpuid_count(leaf, part, &r.eax, &r.ebx, &r.ecx, &r.edx);
#endif
    return r;
}

// The registers that the system saves when it switches threads; valid only where it announces that it saves extended
// ones. macOS starts to save those of AVX-512 when a thread first uses them: there the AVX2 build runs.
unsigned saved_registers() {
#if defined(_MSC_VER)
    return static_cast<unsigned>(_xgetbv(0));
#else
    unsigned low, high;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
#endif
}

template <class... Bits>
bool has(unsigned word, Bits... bits) {
    return (((word >> bits) & 1) && ...);
}

// AVX-512 F, DQ, CD, BW, VL, whose registers the system saves.
bool has_avx512(const Registers& seven, unsigned saved) {
    return has(saved, 1, 2, 5, 6, 7) && has(seven.ebx, 16, 17, 28, 30, 31);
}

// In the order of MLPVID_INSTRUCTION_SETS.
std::vector<Build> builds() {
    const Registers one = cpuid(1), seven = cpuid(7);
    const unsigned saved = has(one.ecx, 27) ? saved_registers() : 0;
    const bool v2 = has(one.ecx, 20, 23);                              // SSE4.2, POPCNT
    const bool v3 = v2 && has(saved, 1, 2) && has(one.ecx, 12, 29) &&  // FMA, F16C
                    has(seven.ebx, 3, 5, 8);                           // BMI1, AVX2, BMI2
#if defined(MLPVID_AVX512_EMULATION)
    const bool v4 = v3;
#else
    const bool v4 = v3 && has_avx512(seven, saved);
#endif
    return {{"x86_64_v4", v4}, {"x86_64_v3", v3}, {"x86_64_v2", v2}};
}

#else

std::vector<Build> builds() {
    return {{"generic", true}};
}

#endif

bool ask_for_amx() {
#if defined(MLPVID_X86_64) && defined(__linux__)
    constexpr int ask = 0x1023, tiles = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
    const Registers seven = cpuid(7);
    const unsigned saved = has(cpuid(1).ecx, 27) ? saved_registers() : 0;
    return has_avx512(seven, saved) && has(saved, 17, 18) && has(seven.edx, 22, 24) &&  // BF16, TILE
           syscall(SYS_arch_prctl, ask, tiles) == 0;
#else
    return false;
#endif
}

}  // namespace

bool has_avx512_bfloat16() {
#if defined(MLPVID_X86_64)
    const Registers seven = cpuid(7);
    const unsigned saved = has(cpuid(1).ecx, 27) ? saved_registers() : 0;
    return has_avx512(seven, saved) && seven.eax >= 1 && has(cpuid(7, 1).eax, 5);
#else
    return false;
#endif
}

bool has_amx_bfloat16() {
    static const bool granted = ask_for_amx();
    return granted;
}

std::vector<std::string> instruction_sets() {
    std::vector<std::string> names;
    for (const Build& build : builds())
        if (build.supported) names.push_back(build.name);
    return names;
}

size_t choose_instruction_set(const std::string& name) {
    const std::vector<Build> all = builds();
    for (size_t i = 0; i < all.size(); i++)
        if (all[i].supported && (name.empty() || name == all[i].name)) return i;
    throw std::invalid_argument("instruction set " + name + " is not supported by this processor");
}

}  // namespace mlpvid
