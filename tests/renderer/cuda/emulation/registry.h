// Look up kernels by name and call them with pointers to their arguments, as a driver does.
#pragma once

#include <cstddef>
#include <functional>
#include <utility>

namespace emulation {

using Invoke = std::function<void(const void* const*)>;

struct Registration {
    Registration(const char* name, Invoke invoke);
};

// Reads the arguments from the driver's memory. It is not device memory, so these accesses are not checked.
template <class... Arguments, size_t... index>
__attribute__((no_sanitize_thread)) void call(void (*kernel)(Arguments...), const void* const* arguments,
                                              std::index_sequence<index...>) {
    kernel(*static_cast<const Arguments*>(arguments[index])...);
}

template <class... Arguments>
Invoke invoke_of(void (*kernel)(Arguments...)) {
    return [kernel](const void* const* arguments) __attribute__((no_sanitize_thread)) {
        call(kernel, arguments, std::index_sequence_for<Arguments...>{});
    };
}

}  // namespace emulation

#define EMULATED_KERNEL(name) \
    static const emulation::Registration registration_of_##name(#name, emulation::invoke_of(&name))
