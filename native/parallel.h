// Spread independent items over threads while Python stays interruptible.
#pragma once
#include <nanobind/nanobind.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace nightproof {

inline unsigned threads_or_all(unsigned threads) {
    return threads ? threads : std::max(1u, std::thread::hardware_concurrency());
}

// Calls body(item) once for every item in [0, count), in any order, on up to `threads` threads (0: all cores). Call
// with the GIL held: it is released meanwhile and taken back now and then to look for Ctrl-C and, where given, to call
// `watch(fraction done)`. Throws what a body threw first, or the Python error that stopped it. Results must not
// depend on the order of items: that is what makes them equal for any number of threads.
inline void parallel_for(size_t count, unsigned threads, const std::function<void(size_t)>& body,
                         const std::function<void(double)>& watch = nullptr) {
    if (!count) return;
    std::atomic<size_t> next{0}, done{0};
    std::atomic<bool> stop{false};
    std::exception_ptr failure;
    std::mutex guard;
    std::condition_variable woken;
    size_t working = std::min<size_t>(threads_or_all(threads), count);

    const auto work = [&] {
        try {
            for (size_t item; !stop.load(std::memory_order_relaxed) && (item = next.fetch_add(1)) < count;) {
                body(item);
                done.fetch_add(1, std::memory_order_relaxed);
            }
        } catch (...) {
            const std::lock_guard<std::mutex> lock(guard);
            if (!failure) failure = std::current_exception();
            stop = true;
        }
        const std::lock_guard<std::mutex> lock(guard);
        if (--working == 0) woken.notify_all();
    };

    nanobind::gil_scoped_release released;
    std::vector<std::thread> pool;
    const size_t size = working;
    pool.reserve(size);
    for (size_t i = 0; i < size; ++i) pool.emplace_back(work);
    bool interrupted = false;
    {
        std::unique_lock<std::mutex> lock(guard);
        while (working) {
            woken.wait_for(lock, std::chrono::milliseconds(50));
            if (!working || stop) continue;
            lock.unlock();
            {
                nanobind::gil_scoped_acquire held;
                try {
                    if (watch) watch(double(done.load()) / double(count));
                    interrupted = PyErr_CheckSignals() != 0;
                    if (interrupted) throw nanobind::python_error();
                } catch (...) {
                    const std::lock_guard<std::mutex> again(guard);
                    if (!failure) failure = std::current_exception();
                    stop = true;
                }
            }
            lock.lock();
        }
    }
    for (auto& thread : pool) thread.join();
    if (failure) {
        nanobind::gil_scoped_acquire held;
        std::exception_ptr thrown = failure;
        failure = nullptr;
        std::rethrow_exception(thrown);
    }
}

}  // namespace nightproof
