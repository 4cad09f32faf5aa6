// Threads that share out numbered pieces of work. Jobs of several callers run side by side; each caller works on its
// own.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace mlpvid {

class ThreadPool {
 public:
    // `threads` counts the calling thread, so one fewer is started.
    explicit ThreadPool(int threads);
    ~ThreadPool();
    ThreadPool(const ThreadPool&) = delete;
    ThreadPool& operator=(const ThreadPool&) = delete;

    int threads() const { return static_cast<int>(workers_.size()) + 1; }

    // Calls work(piece, thread) for each piece of [0, pieces) and returns when all are done. `thread` is below
    // threads(); no two pieces with the same number run at once. `work` must not throw.
    void run(int pieces, const std::function<void(int piece, int thread)>& work);

 private:
    struct Job;
    void serve(int thread);
    bool take(Job& job, int& piece);

    std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<Job*> jobs_;  // those with pieces that nobody has taken
    bool stopping_ = false;
    std::vector<std::thread> workers_;
};

}  // namespace mlpvid
