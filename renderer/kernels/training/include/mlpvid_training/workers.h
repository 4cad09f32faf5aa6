// A few threads that share out numbered tasks; results never depend on how many there are.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <type_traits>
#include <vector>

namespace mlpvid {

class Workers {
 public:
    using Task = void (*)(void* context, int64_t index);

    explicit Workers(int threads);
    ~Workers();
    Workers(const Workers&) = delete;
    Workers& operator=(const Workers&) = delete;

    int threads() const { return static_cast<int>(pool_.size()) + 1; }
    // Calls task(context, 0 .. count - 1), each once, on the calling thread and the others; returns when all are done.
    void run(int64_t count, Task task, void* context);

 private:
    void work();
    void drain();

    std::vector<std::thread> pool_;
    std::mutex caller_;  // one `run` at a time
    std::mutex mutex_;
    std::condition_variable wake_, done_;
    Task task_ = nullptr;
    void* context_ = nullptr;
    int64_t count_ = 0;
    std::atomic<int64_t> next_{0};
    std::atomic<uint64_t> generation_{0};
    std::atomic<int> busy_{0};
    bool stop_ = false;
};

// Calls body(i) for i in 0 .. count - 1 on the workers.
template <class Body>
void parallel(Workers& workers, int64_t count, Body&& body) {
    workers.run(
        count, [](void* context, int64_t index) { (*static_cast<std::remove_reference_t<Body>*>(context))(index); },
        &body);
}

}  // namespace mlpvid
