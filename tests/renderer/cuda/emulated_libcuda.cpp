// An emulated libcuda.so.1: the part of NVIDIA's driver API that cuda.bindings and cuda.core use. It logs each call and
// can make a call fail. Launches go to the emulation of the kernels.
#include <dlfcn.h>

#include <cstdint>
#include <cstring>
#include <map>
#include <set>
#include <string>

using Launcher = int (*)(const char*, const unsigned*, unsigned, size_t, const void* const*, int, unsigned);

namespace {

struct Fault {
    int code, times;
};

std::map<std::string, Fault> faults;
std::string calls;
std::set<std::string> kernel_names;
Launcher launcher = nullptr;
void* current_context = nullptr;
int primary_context, library, graphics_resource;  // their addresses are the handles
void* mapped = nullptr;
size_t mapped_bytes = 0;
int window_device = 0;

int enter(const std::string& name, const std::string& details = "") {
    calls += name + (details.empty() ? "" : " " + details) + "\n";
    const auto fault = faults.find(name);
    if (fault == faults.end()) return 0;
    const int code = fault->second.code;
    if (--fault->second.times == 0) faults.erase(fault);
    return code;
}

const std::map<int, const char*>& names() {
    static const std::map<int, const char*> all = {{0, "CUDA_SUCCESS"},
                                                   {1, "CUDA_ERROR_INVALID_VALUE"},
                                                   {2, "CUDA_ERROR_OUT_OF_MEMORY"},
                                                   {3, "CUDA_ERROR_NOT_INITIALIZED"},
                                                   {100, "CUDA_ERROR_NO_DEVICE"},
                                                   {209, "CUDA_ERROR_NO_BINARY_FOR_GPU"},
                                                   {219, "CUDA_ERROR_INVALID_GRAPHICS_CONTEXT"},
                                                   {222, "CUDA_ERROR_UNSUPPORTED_PTX_VERSION"},
                                                   {304, "CUDA_ERROR_OPERATING_SYSTEM"},
                                                   {700, "CUDA_ERROR_ILLEGAL_ADDRESS"},
                                                   {719, "CUDA_ERROR_LAUNCH_FAILED"}};
    return all;
}

}  // namespace

#define ENTER(...) \
    if (const int fault = enter(__VA_ARGS__)) return fault

extern "C" {

// For the tests.

void libcuda_launch_with(Launcher given) {
    launcher = given;
}
void libcuda_fail(const char* name, int code, int times) {
    faults[name] = {code, times};
}
void libcuda_pixel_buffer(void* memory, size_t bytes, int device) {
    mapped = memory, mapped_bytes = bytes, window_device = device;
}
const char* libcuda_calls() {
    return calls.c_str();
}
void libcuda_forget_calls() {
    calls.clear();
}

// The driver.

int cuGetErrorName(int code, const char** name) {
    *name = names().count(code) ? names().at(code) : nullptr;
    return *name ? 0 : 1;
}
int cuGetErrorString(int code, const char** text) {
    return cuGetErrorName(code, text);
}
int cuInit(unsigned) {
    ENTER("cuInit");
    return 0;
}
int cuDriverGetVersion(int* version) {
    *version = 13090;
    return 0;
}
int cuDeviceGetCount(int* count) {
    *count = 1;
    return 0;
}
int cuDeviceGet(int* device, int ordinal) {
    *device = ordinal;
    return 0;
}
int cuDeviceGetAttribute(int* value, int, int) {
    *value = 1;
    return 0;
}
int cuDevicePrimaryCtxRetain(void** context, int) {
    ENTER("cuDevicePrimaryCtxRetain");
    *context = &primary_context;
    return 0;
}
int cuDevicePrimaryCtxRelease(int) {
    return 0;
}
int cuCtxGetCurrent(void** context) {
    *context = current_context;
    return 0;
}
int cuCtxSetCurrent(void* context) {
    ENTER("cuCtxSetCurrent");
    current_context = context;
    return 0;
}
int cuCtxGetDevice(int* device) {
    *device = 0;
    return current_context ? 0 : 201;
}
int cuCtxPushCurrent(void* context) {
    current_context = context;
    return 0;
}
int cuCtxPopCurrent(void** context) {
    *context = current_context;
    return 0;
}
int cuStreamGetCtx(void*, void** context) {
    *context = &primary_context;
    return 0;
}
int cuStreamGetDevice(void*, int* device) {
    *device = 0;
    return 0;
}
int cuLibraryLoadData(void** handle, const void* code, void*, void*, unsigned, void*, void*, unsigned) {
    ENTER("cuLibraryLoadData", std::memcmp(code,
                                           "\x7f"
                                           "ELF",
                                           4)
                                   ? "PTX"
                                   : "cubin");
    *handle = &library;
    return 0;
}
int cuLibraryUnload(void*) {
    return 0;
}
int cuLibraryGetKernel(const char** kernel, void*, const char* name) {
    ENTER("cuLibraryGetKernel", name);
    *kernel = kernel_names.insert(name).first->c_str();
    return 0;
}
int cuKernelGetLibrary(void** handle, void*) {
    *handle = &library;
    return 0;
}
int cuKernelGetFunction(void** function, void* kernel) {
    *function = kernel;
    return 0;
}
int cuOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, const char* kernel, int threads, size_t shared) {
    ENTER("cuOccupancyMaxActiveBlocksPerMultiprocessor",
          std::string(kernel) + " " + std::to_string(threads) + " " + std::to_string(shared));
    *blocks = 2;
    return 0;
}
int cuLaunchKernel(const char* kernel, unsigned x, unsigned y, unsigned z, unsigned threads, unsigned rows,
                   unsigned layers, unsigned shared, void* stream, void** arguments, void** extra) {
    ENTER("cuLaunchKernel", std::string(kernel) + " on " + std::to_string(reinterpret_cast<uintptr_t>(stream)));
    if (rows != 1 || layers != 1 || extra || !current_context) return 1;
    const unsigned grid[3] = {x, y, z};
    return launcher(kernel, grid, threads, shared, arguments, 3, 7) ? 719 : 0;
}
int cuGLGetDevices(unsigned* count, int* devices, unsigned, int) {
    ENTER("cuGLGetDevices");
    *count = 1;
    devices[0] = window_device;
    return 0;
}
int cuGraphicsGLRegisterBuffer(void** resource, unsigned buffer, unsigned flags) {
    ENTER("cuGraphicsGLRegisterBuffer", std::to_string(buffer) + " " + std::to_string(flags));
    *resource = &graphics_resource;
    return 0;
}
int cuGraphicsUnregisterResource(void*) {
    ENTER("cuGraphicsUnregisterResource");
    return 0;
}
int cuGraphicsMapResources(unsigned, void**, void* stream) {
    ENTER("cuGraphicsMapResources", "on " + std::to_string(reinterpret_cast<uintptr_t>(stream)));
    return 0;
}
int cuGraphicsUnmapResources(unsigned, void**, void* stream) {
    ENTER("cuGraphicsUnmapResources", "on " + std::to_string(reinterpret_cast<uintptr_t>(stream)));
    return 0;
}
int cuGraphicsResourceGetMappedPointer(void** pointer, size_t* bytes, void*) {
    ENTER("cuGraphicsResourceGetMappedPointer");
    *pointer = mapped, *bytes = mapped_bytes;
    return 0;
}
int cuMemcpyDtoDAsync(void* target, const void* source, size_t bytes, void* stream) {
    ENTER("cuMemcpyDtoDAsync", "on " + std::to_string(reinterpret_cast<uintptr_t>(stream)));
    std::memcpy(target, source, bytes);
    return 0;
}

// cuda.bindings looks up all functions above with this one, by their names without versions.
int cuGetProcAddress_v2(const char* name, void** function, int, uint64_t, int* status) {
    *function = std::strcmp(name, "cuGetProcAddress") ? dlsym(RTLD_DEFAULT, name) : nullptr;
    if (!std::strcmp(name, "cuGetProcAddress")) *function = reinterpret_cast<void*>(cuGetProcAddress_v2);
    if (status) *status = *function ? 0 : 1;
    return *function ? 0 : 500;
}
}
