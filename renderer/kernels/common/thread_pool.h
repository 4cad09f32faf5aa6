// A pool of threads that share the numbered pieces of a job. Jobs of several callers run at the same time.
//
// The rendering and the training module use this one pool. Kernels that are compiled once per instruction set include
// this header: it passes work on as a function pointer, because the linker could merge the templates of std::function
// across instruction sets.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <thread>
#include <type_traits>
#include <vector>

namespace mlpvid {

// When threads yield the processor. Threads of low priority should do so between pieces: otherwise they finish their
// time slice before a waiting thread of higher priority gets the core.
enum class Yield { never, between_pieces };

// Decides between which pieces a thread yields. To other busy programs, a thread that yields loses a whole time slice,
// and after each piece it would get hardly any time beside them. So it goes on for kPause times as long as it had to
// wait the last time, and loses at most a fifth. Where only short work waits, it yields after almost every piece.
class YieldPacing {
 public:
    static constexpr double kPause = 4.0;

    // All times are in seconds of one clock.
    bool due(double now) const { return now >= next_; }
    void record(double before, double after) { next_ = after + kPause * (after - before); }

 private:
    double next_ = 0.0;
};

class ThreadPool {
 public:
    using Work = void (*)(void* context, int64_t piece, int thread);

    // `threads` counts the calling thread, so one fewer is started. If the system cannot start that many, the
    // pool has fewer.
    explicit ThreadPool(int threads, Yield yield = Yield::never);
    ~ThreadPool();
    ThreadPool(const ThreadPool&) = delete;
    ThreadPool& operator=(const ThreadPool&) = delete;

    int threads() const { return static_cast<int>(workers_.size()) + 1; }

    // Calls work(context, piece, thread) once for each piece of [0, pieces) and returns when all are done. `thread` is
    // below threads(). Within a job, no two pieces with the same thread number run at once. The first exception that
    // `work` throws is thrown again here.
    void run(int64_t pieces, Work work, void* context);

 private:
    struct Job;
    void serve(int thread);
    bool take(Job& job, int64_t& piece);
    void do_piece(Job& job, int64_t piece, int thread);

    Yield yield_;
    std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<Job*> jobs_;  // those with pieces that no thread has taken
    bool stopping_ = false;
    std::vector<std::thread> workers_;
};

// Calls body(piece, thread) for each piece of [0, pieces) on the pool. Results do not depend on the number of threads
// as long as no two pieces write to the same place.
template <class Body>
void parallel(ThreadPool& pool, int64_t pieces, Body&& body) {
    pool.run(
        pieces,
        [](void* context, int64_t piece, int thread) {
            (*static_cast<std::remove_reference_t<Body>*>(context))(piece, thread);
        },
        &body);
}

}  // namespace mlpvid
