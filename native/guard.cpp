// Two watchmen that need neither the GIL nor the main thread: one ends a child whose parent has gone, the other ends
// this process when an interrupt was not heeded in time. Both exist because Python runs signal handlers, and any other
// thread of its own, only between two byte codes: a library that computes for a minute holds both up for as long, and an
// interrupt that strikes in a destructor is lost.
#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <string>
#include <thread>

namespace nb = nanobind;

namespace {

constexpr int LOOK_MS = 300;

std::atomic<bool> spoken{false};

// True for the first caller only: whoever gets it says the process's last word.
bool claim_last_word() { return !spoken.exchange(true); }

void write_whole(int descriptor, const std::string& text) {
    for (size_t done = 0; done < text.size();) {
        const ssize_t count = write(descriptor, text.data() + done, text.size() - done);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return;
        done += size_t(count);
    }
}

[[noreturn]] void end_group() {
    if (getpgrp() == getpid()) kill(0, SIGKILL);  // and with us what we started ourselves
    _exit(1);
}

// Ends this process, and its group where it leads one, once the pipe at `descriptor` has no writer any more or the
// parent has changed. Nothing is read from the pipe.
void end_with_parent(int descriptor) {
    const pid_t parent = getppid();
    std::thread([descriptor, parent] {
        for (;;) {
            pollfd watched{descriptor, 0, 0};
            const int found = poll(&watched, 1, LOOK_MS);
            if (found > 0 && watched.revents) end_group();
            if (getppid() != parent) end_group();
        }
    }).detach();
}

// Reads the signal numbers that CPython's own handler writes (signal.set_wakeup_fd); `grace_ms` after an interrupt,
// unless somebody else has the last word by then, writes both texts and ends the process with `code`.
void end_after_interrupt(int descriptor, int grace_ms, std::string to_stderr, int out, std::string to_out, int code) {
    std::thread([=] {
        for (;;) {
            unsigned char signal_number = 0;
            const ssize_t count = read(descriptor, &signal_number, 1);
            if (count < 0 && errno == EINTR) continue;
            if (count <= 0) return;
            if (signal_number != SIGINT) continue;
            std::this_thread::sleep_for(std::chrono::milliseconds(grace_ms));
            if (!claim_last_word()) return;
            write_whole(2, to_stderr);
            write_whole(out, to_out);
            _exit(code);
        }
    }).detach();
}

}  // namespace

void bind_guard(nb::module_& m) {
    m.def("claim_last_word", &claim_last_word, "True for the first caller in this process, false ever after.");
    m.def("end_with_parent", &end_with_parent, nb::arg("descriptor"),
          "End this process (its group, where it leads one) when the pipe loses its writer or the parent is gone.");
    m.def("end_after_interrupt", &end_after_interrupt, nb::arg("descriptor"), nb::arg("grace_ms"),
          nb::arg("to_stderr"), nb::arg("out"), nb::arg("to_out"), nb::arg("code"),
          "End this process some time after SIGINT was written to the wake-up pipe, unless the last word is spoken.");
}
