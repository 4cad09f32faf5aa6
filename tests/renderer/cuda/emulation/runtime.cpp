// The functions of cuda.h, the compiler's calls before each access to memory, and the interface for Python.
//
// Kernels are compiled with -fsanitize=thread, which makes the compiler announce every read and write with a call to
// __tsan_read4 and its like. The sanitizer's own library is not linked; these functions take its place.
#include <cmath>

#include "registry.h"
#include "scheduler.h"

namespace emulation {

namespace {

Buffers buffers;
Scheduler* scheduler = nullptr;
uint32_t launches = 0;
std::string last_fault;

std::map<std::string, Invoke>& kernels() {
    static std::map<std::string, Invoke> all;
    return all;
}

}  // namespace

Registration::Registration(const char* name, Invoke invoke) {
    kernels()[name] = std::move(invoke);
}

uint3 thread_index() {
    return {static_cast<unsigned>(scheduler->current().index), 0, 0};
}
uint3 block_index() {
    return scheduler->current().block->index;
}
uint3 block_size() {
    return scheduler->shape().block;
}
uint3 grid_size() {
    return scheduler->shape().grid;
}
void* dynamic_shared() {
    return scheduler->current().block->dynamic_shared.data();
}

void block_barrier() {
    scheduler->wait(Wait::kBlock);
}

void warp_exchange(const char* kind, unsigned mask, const void* mine, size_t size,
                   unsigned char (*gathered)[kPayload]) {
    Thread& thread = scheduler->current();
    if (!(mask >> (thread.index % kWarp) & 1u)) scheduler->fail(std::string(kind) + " by a lane outside its mask");
    thread.operation = kind;
    thread.mask = mask;
    thread.payload_size = size;
    std::memcpy(thread.payload, mine, size);
    thread.gathered = gathered;
    scheduler->wait(Wait::kWarp);
}

void warp_barrier(unsigned mask) {
    const char nothing = 0;
    warp_exchange("__syncwarp", mask, &nothing, 0, nullptr);
}

unsigned long long atomic_add(void* address, size_t size, unsigned long long value) {
    scheduler->access(address, size, true, true);
    unsigned long long before = 0;
    std::memcpy(&before, address, size);  // little-endian
    const unsigned long long after = before + value;
    std::memcpy(address, &after, size);
    return before;
}

static float computed_float_of_half(unsigned half) {
    const int exponent = static_cast<int>(half >> 10 & 31), mantissa = static_cast<int>(half & 1023);
    float size = exponent ? std::ldexp(1024.0f + static_cast<float>(mantissa), exponent - 25)
                          : std::ldexp(static_cast<float>(mantissa), -24);
    if (exponent == 31) size = mantissa ? NAN : INFINITY;
    return half & 0x8000u ? -size : size;
}

float float_of_half(unsigned half) {
    static const std::vector<float> table = [] {
        std::vector<float> values(1 << 16);
        for (unsigned i = 0; i < values.size(); i++) values[i] = computed_float_of_half(i);
        return values;
    }();
    return table[half & 0xFFFFu];
}

// To the nearest, ties to even.
unsigned half_of_float(float value) {
    const unsigned sign = std::signbit(value) ? 0x8000u : 0u;
    const float size = std::fabs(value);
    if (std::isnan(value)) return sign | 0x7FFFu;
    if (size >= 65520.0f) return sign | 0x7C00u;
    int exponent = 0;
    std::frexp(size, &exponent);                             // size < 2^exponent
    const int unit = size < 0x1p-14f ? -24 : exponent - 11;  // log2 of the last place
    const auto places = static_cast<unsigned>(std::nearbyint(std::ldexp(size, -unit)));
    // Counted in last places, halves follow each other like whole numbers; a mantissa that rounds up carries over.
    return sign | (unit == -24 ? places : (static_cast<unsigned>(unit + 24) << 10) + places);
}

unsigned half_of_sum(float a, float b, float c) {
    const double sum = static_cast<double>(a) * b + c;
    float rounded = static_cast<float>(sum);
    if (rounded != sum) {  // cut off, and the last bit set: the second rounding then sees that there was more
        if (std::fabs(rounded) > std::fabs(sum)) rounded = std::nextafterf(rounded, 0.0f);
        uint32_t bits;
        std::memcpy(&bits, &rounded, sizeof bits);
        bits |= 1;
        std::memcpy(&rounded, &bits, sizeof bits);
    }
    return half_of_float(rounded);
}

namespace {

struct TensorPart {
    float d[4];
    unsigned a[4], b[2];
};

float half_at(unsigned word, int k) {
    return float_of_half(k & 1 ? word >> 16 : word);
}

}  // namespace

void tensor_core(float (&d)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
    TensorPart part = {{d[0], d[1], d[2], d[3]}, {a[0], a[1], a[2], a[3]}, {b0, b1}};
    unsigned char gathered[kWarp][kPayload];
    warp_exchange("mma.sync", 0xFFFFFFFFu, &part, sizeof part, gathered);
    const int lane = scheduler->current().index % kWarp;
    for (int i = 0; i < 4; i++) {
        const int row = lane / 4 + (i >= 2 ? 8 : 0), column = 2 * (lane % 4) + i % 2;
        float sum = d[i];
        for (int k = 0; k < 16; k++) {
            TensorPart of_a, of_b;
            std::memcpy(&of_a, gathered[row % 8 * 4 + k % 8 / 2], sizeof of_a);
            std::memcpy(&of_b, gathered[column * 4 + k % 8 / 2], sizeof of_b);
            sum += half_at(of_a.a[row / 8 + k / 8 * 2], k) * half_at(of_b.b[k / 8], k);
        }
        d[i] = sum;
    }
}

}  // namespace emulation

extern "C" {

// Registers memory that kernels may access; `written`: whether its content may be read.
void emulation_add_buffer(void* start, size_t size, int written) {
    emulation::buffers.add(start, size, written != 0);
}

void emulation_remove_buffer(void* start) {
    emulation::buffers.remove(start);
}

// Records that the host wrote there; returns 0 if no buffer contains the range.
int emulation_host_wrote(void* start, size_t size) {
    emulation::Region* region = emulation::buffers.find(start);
    if (!region || !region->holds(start, size)) return 0;
    region->mark_written(start, size);
    return 1;
}

// Returns whether all bytes that the host reads were written.
int emulation_is_written(void* start, size_t size) {
    emulation::Region* region = emulation::buffers.find(start);
    return region && region->holds(start, size) && region->is_written(start, size);
}

// Runs a kernel to its end. Returns 0 on success; otherwise `emulation_fault` describes the error.
int emulation_launch(const char* name, const unsigned* grid, unsigned threads, size_t shared_bytes,
                     const void* const* arguments, int resident_blocks, unsigned seed) {
    using namespace emulation;
    const auto kernel = kernels().find(name);
    if (kernel == kernels().end()) {
        last_fault = std::string("no kernel is called ") + name;
        return 1;
    }
    Scheduler running(buffers, ++launches);
    scheduler = &running;
    LaunchShape shape;
    shape.grid = {grid[0], grid[1], grid[2]};
    shape.block = {threads, 1, 1};
    shape.shared_bytes = shared_bytes;
    shape.resident_blocks = resident_blocks;
    shape.seed = seed;
    last_fault = running.run(shape, [&] { kernel->second(arguments); });
    scheduler = nullptr;
    if (!last_fault.empty()) last_fault = std::string(name) + ": " + last_fault;
    return last_fault.empty() ? 0 : 1;
}

// The buffers that the last launch touched, and how: 1 read, 2 written, 3 both. Returns how many there are, `most` at
// most.
size_t emulation_touched(const void** starts, int* how, size_t most) {
    size_t count = 0;
    for (const auto& [key, region] : emulation::buffers.all()) {
        const int touched =
            (region.last_read == emulation::launches ? 1 : 0) + (region.last_written == emulation::launches ? 2 : 0);
        if (touched && count < most) starts[count] = region.start, how[count++] = touched;
    }
    return count;
}

const char* emulation_fault() {
    return emulation::last_fault.c_str();
}

// Accesses outside launches, such as while the library is loaded, are not checked.
static void announce(const void* address, size_t bytes, bool write) {
    if (emulation::scheduler) emulation::scheduler->access(address, bytes, write, false);
}

#define MLPVID_ANNOUNCED(bytes)                   \
    void __tsan_read##bytes(void* p) {            \
        announce(p, bytes, false);                \
    }                                             \
    void __tsan_write##bytes(void* p) {           \
        announce(p, bytes, true);                 \
    }                                             \
    void __tsan_unaligned_read##bytes(void* p) {  \
        announce(p, bytes, false);                \
    }                                             \
    void __tsan_unaligned_write##bytes(void* p) { \
        announce(p, bytes, true);                 \
    }

MLPVID_ANNOUNCED(1)
MLPVID_ANNOUNCED(2)
MLPVID_ANNOUNCED(4)
MLPVID_ANNOUNCED(8)
MLPVID_ANNOUNCED(16)

void __tsan_read_range(void* p, size_t size) {
    for (size_t i = 0; i < size; i += 4) announce(static_cast<char*>(p) + i, 4, false);
}
void __tsan_write_range(void* p, size_t size) {
    for (size_t i = 0; i < size; i += 4) announce(static_cast<char*>(p) + i, 4, true);
}
// -fsanitize=alignment calls this where a pointer's alignment does not fit its type: 128-bit accesses of a GPU must
// fit.
void __ubsan_handle_type_mismatch_v1(void*, void*) {
    if (emulation::scheduler) emulation::scheduler->fail("access to a misaligned address");
}
void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
void __tsan_vptr_update(void**, void*) {}
}
