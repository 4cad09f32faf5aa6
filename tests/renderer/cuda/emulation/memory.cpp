#include "memory.h"

#include <algorithm>

namespace emulation {

constexpr size_t kPage = 1024;  // cells

Region::Region(const void* start, size_t size, bool written)
    : start(static_cast<const unsigned char*>(start)),
      size(size),
      written_(size, written),
      pages_(size / (4 * kPage) + 1) {}

bool Region::holds(const void* address, size_t bytes) const {
    const auto* first = static_cast<const unsigned char*>(address);
    return first >= start && first + bytes <= start + size;
}

void Region::mark_written(const void* address, size_t bytes) {
    const size_t first = static_cast<size_t>(static_cast<const unsigned char*>(address) - start);
    std::fill_n(written_.begin() + static_cast<std::ptrdiff_t>(first), bytes, 1);
}

bool Region::is_written(const void* address, size_t bytes) const {
    const size_t first = static_cast<size_t>(static_cast<const unsigned char*>(address) - start);
    return std::all_of(written_.begin() + static_cast<std::ptrdiff_t>(first),
                       written_.begin() + static_cast<std::ptrdiff_t>(first + bytes),
                       [](unsigned char w) { return w; });
}

// Returns whether `before` is ordered before `now`.
static bool ordered(const Moment& before, const Moment& now) {
    if (before.launch != now.launch || before.thread == now.thread) return true;
    if (before.block != now.block) return false;
    if (before.block_epoch < now.block_epoch) return true;
    return before.warp == now.warp && before.warp_epoch < now.warp_epoch;
}

static std::string conflict(const char* what, const Moment& before, const Moment& now) {
    return std::string("race: ") + what + " by thread " + std::to_string(before.thread) + " and thread " +
           std::to_string(now.thread) + " of the grid, with no barrier between them";
}

// Returns the access of a cell that races with `now`, or null.
static const Moment* racing(const Cell& cell, bool write, const Moment& now) {
    if (!ordered(cell.write, now) && !(cell.write.atomic && now.atomic)) return &cell.write;
    if (write)
        for (const Moment* read : {&cell.read, &cell.other_read})
            if (!ordered(*read, now)) return read;
    return nullptr;
}

static void record(Cell& cell, bool write, const Moment& now) {
    if (write) {
        cell.write = now;
        return;
    }
    if (cell.read.launch == now.launch && cell.read.thread != now.thread) cell.other_read = cell.read;
    cell.read = now;
}

std::string Region::note(const void* address, size_t bytes, bool write, const Moment& now) {
    (write ? last_written : last_read) = now.launch;
    if (!write || now.atomic)
        if (!is_written(address, bytes)) return "read of memory that was never written";
    const size_t first = static_cast<size_t>(static_cast<const unsigned char*>(address) - start);
    for (size_t i = first / 4; i <= (first + bytes - 1) / 4; i++) {
        std::unique_ptr<Cell[]>& page = pages_[i / kPage];
        if (!page) page = std::make_unique<Cell[]>(kPage);
        Cell& cell = page[i % kPage];
        if (const Moment* before = racing(cell, write, now)) {
            const bool written = before == &cell.write;
            return conflict(!written ? "a read and a write"
                            : write  ? "two writes"
                                     : "a write and a read",
                            *before, now);
        }
        record(cell, write, now);
    }
    if (write) mark_written(address, bytes);
    return "";
}

void Buffers::add(const void* start, size_t size, bool written) {
    const auto key = reinterpret_cast<uintptr_t>(start);
    regions_.erase(key);
    regions_.emplace(key, Region(start, size, written));
    last_ = nullptr;
}

void Buffers::remove(const void* start) {
    regions_.erase(reinterpret_cast<uintptr_t>(start));
    last_ = nullptr;
}

Region* Buffers::find(const void* address) {
    if (last_ && last_->holds(address, 1)) return last_;
    auto after = regions_.upper_bound(reinterpret_cast<uintptr_t>(address));
    if (after == regions_.begin()) return nullptr;
    Region& region = std::prev(after)->second;
    if (!region.holds(address, 1)) return nullptr;
    last_ = &region;
    return last_;
}

}  // namespace emulation
