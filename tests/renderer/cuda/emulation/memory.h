// Memory checks for emulated kernels: bounds, uninitialized reads, and data races.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace emulation {

// Who is accessing, and when: threads of a block are ordered by its barriers, those of a warp also by the warp's.
struct Moment {
    uint32_t launch = 0;
    int32_t thread = -1;  // of the whole grid
    int32_t block = -1;
    int32_t warp = -1;  // of the whole grid
    uint32_t block_epoch = 0;
    uint32_t warp_epoch = 0;
    bool atomic = false;
};

// The last accesses to four bytes: one write, and reads by two threads.
struct Cell {
    Moment write, read, other_read;
};

// A region of memory and its last accesses.
class Region {
 public:
    Region(const void* start, size_t size, bool written);

    const unsigned char* start;
    size_t size;
    uint32_t last_read = 0, last_written = 0;  // launches

    bool holds(const void* address, size_t bytes) const;
    void mark_written(const void* address, size_t bytes);
    bool is_written(const void* address, size_t bytes) const;
    // Records an access; returns a description of its error, or an empty string.
    std::string note(const void* address, size_t bytes, bool write, const Moment& now);

 private:
    std::vector<unsigned char> written_;
    std::vector<std::unique_ptr<Cell[]>> pages_;  // each made at its first access; most of large buffers are not used
};

// The device's buffers by address.
class Buffers {
 public:
    void add(const void* start, size_t size, bool written);
    void remove(const void* start);
    Region* find(const void* address);
    const std::map<uintptr_t, Region>& all() const { return regions_; }

 private:
    std::map<uintptr_t, Region> regions_;
    Region* last_ = nullptr;
};

}  // namespace emulation
