/* A stand-in for CUDA's driver: the calls of vrgen/cuda.py, with a card whose memory is files in the folder $STAND_IN.
 *
 * Every process that opens such a file has the same memory. A stream does at once what it is given; while the file
 * `late` lies in the folder, no event recorded since is passed. A GL buffer is mapped by OpenGL itself. Calls named
 * in $STAND_IN_FAILS fail ("garbles": copies come out wrong; "one card": each process has a card of its own). What
 * CUDA would not allow is refused here as well: memory opened by the process that made it, a call without a context,
 * a buffer mapped twice, flags that are not the ones.
 *
 * cc -shared -fPIC -Wl,-soname,libcuda.so.1 -o libcuda.so.1 driver.c -ldl
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

typedef int Result;
typedef unsigned long long Address;
typedef struct { char name[64]; } Handle;
typedef struct { Handle handle; void *at; size_t size; int open; } Memory;
typedef struct { Handle handle; volatile uint32_t *passed; int open; } Event;
typedef struct { unsigned buffer; void *at; int open; } Resource;

enum {
    SUCCESS = 0, INVALID_VALUE = 1, OUT_OF_MEMORY = 2, NO_DEVICE = 100, INVALID_CONTEXT = 201, ALREADY_MAPPED = 208,
    NOT_MAPPED = 211, INVALID_HANDLE = 400, NOT_FOUND = 500, NOT_READY = 600, ILLEGAL_ADDRESS = 700, UNKNOWN = 999
};
enum { MEMORIES = 256, EVENTS = 4096, RESOURCES = 256, GL_WRITE_ONLY = 0x88B9 };

static Memory memories[MEMORIES];
static Event events[EVENTS];
static Resource resources[RESOURCES];
static __thread void *context;
static int made;
static char a_context, a_stream;

#define NEEDS_CONTEXT if (!context) return INVALID_CONTEXT

static void path_of(char *path, const char *name) {
    const char *folder = getenv("STAND_IN");
    snprintf(path, 512, "%s/%s", folder ? folder : "/tmp", name);
}

static int fails(const char *call) {
    const char *named = getenv("STAND_IN_FAILS");
    return named && strstr(named, call) != NULL;
}

static int late(void) {
    char path[512];
    path_of(path, "late");
    return access(path, F_OK) == 0;
}

/* The file of that name; made with `size` bytes where that is not 0. */
static void *mapped(const char *name, size_t size) {
    char path[512];
    path_of(path, name);
    int fd = open(path, O_RDWR | (size ? O_CREAT : 0), 0600);
    struct stat found;
    if (fd < 0) return NULL;
    if ((size && ftruncate(fd, (off_t)size)) || fstat(fd, &found)) { close(fd); return NULL; }
    void *at = mmap(NULL, (size_t)found.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    return at == MAP_FAILED ? NULL : at;
}

static void name(Handle *handle, const char *kind) {
    memset(handle, 0, sizeof *handle);
    snprintf(handle->name, sizeof handle->name, "%s.%d.%d", kind, getpid(), made++);
}

static Memory *memory_at(Address address) {
    for (Memory *one = memories; one < memories + MEMORIES; one++)
        if (one->open && (Address)(uintptr_t)one->at == address) return one;
    return NULL;
}

static Result kept(Handle handle, void *at, size_t size, Address *address) {
    for (Memory *one = memories; at && one < memories + MEMORIES; one++)
        if (!one->open) {
            *one = (Memory){handle, at, size, 1};
            *address = (Address)(uintptr_t)at;
            return SUCCESS;
        }
    return at ? OUT_OF_MEMORY : INVALID_HANDLE;
}

static Result kept_event(Handle handle, void *passed, void **event) {
    for (Event *one = events; passed && one < events + EVENTS; one++)
        if (!one->open) {
            *one = (Event){handle, passed, 1};
            *event = one;
            return SUCCESS;
        }
    return passed ? OUT_OF_MEMORY : INVALID_HANDLE;
}

/* How many memories (0), events (1), registered buffers (2) this process has open. */
int stand_in_open(int which) {
    int count = 0;
    for (int i = 0; which == 0 && i < MEMORIES; i++) count += memories[i].open;
    for (int i = 0; which == 1 && i < EVENTS; i++) count += events[i].open;
    for (int i = 0; which == 2 && i < RESOURCES; i++) count += resources[i].open;
    return count;
}

/* --- cards ------------------------------------------------------------------------------------------------- */

Result cuInit(unsigned flags) { return flags ? INVALID_VALUE : fails("cuInit") ? NO_DEVICE : SUCCESS; }
Result cuDeviceGetCount(int *count) { *count = 1; return SUCCESS; }
Result cuDeviceGet(int *device, int ordinal) { *device = ordinal; return ordinal ? INVALID_VALUE : SUCCESS; }
Result cuDeviceGetUuid_v2(void *uuid, int device) {
    char told[32];
    snprintf(told, sizeof told, "card of %8d", fails("one card") ? getpid() : 0);
    memcpy(uuid, told, 16);
    return SUCCESS;
}
Result cuDeviceGetAttribute(int *value, int which, int device) { *value = !fails("sharing"); return SUCCESS; }
Result cuDevicePrimaryCtxRetain(void **out, int device) { *out = &a_context; return SUCCESS; }
Result cuDevicePrimaryCtxRelease_v2(int device) { return SUCCESS; }
Result cuCtxSetCurrent(void *given) { context = given; return given == &a_context ? SUCCESS : INVALID_CONTEXT; }
Result cuMemGetInfo_v2(size_t *free, size_t *total) { *free = *total = 1u << 30; return SUCCESS; }

Result cuGLGetDevices_v2(unsigned *count, int *devices, unsigned most, int which) {
    if (fails("cuGLGetDevices")) return NO_DEVICE;
    *count = 1;
    devices[0] = 0;
    return SUCCESS;
}

/* --- memory ------------------------------------------------------------------------------------------------ */

Result cuMemAlloc_v2(Address *address, size_t size) {
    NEEDS_CONTEXT;
    if (fails("cuMemAlloc")) return OUT_OF_MEMORY;
    Handle handle;
    name(&handle, "memory");
    return kept(handle, mapped(handle.name, size), size, address);
}

Result cuMemFree_v2(Address address) {
    Memory *one = memory_at(address);
    if (!one || !one->size) return INVALID_VALUE;
    munmap(one->at, one->size);
    one->open = 0;
    return SUCCESS;
}

Result cuIpcGetMemHandle(Handle *handle, Address address) {
    NEEDS_CONTEXT;
    Memory *one = memory_at(address);
    if (!one) return INVALID_VALUE;
    *handle = one->handle;
    return SUCCESS;
}

Result cuIpcOpenMemHandle_v2(Address *address, Handle handle, unsigned flags) {
    NEEDS_CONTEXT;
    char own[64];
    snprintf(own, sizeof own, "memory.%d.", getpid());
    if (flags != 1) return INVALID_VALUE;
    if (fails("cuIpcOpenMemHandle")) return INVALID_HANDLE;
    if (!strncmp(own, handle.name, strlen(own))) return INVALID_CONTEXT;
    return kept(handle, mapped(handle.name, 0), 0, address);
}

Result cuIpcCloseMemHandle(Address address) {
    Memory *one = memory_at(address);
    if (!one || one->size) return INVALID_VALUE;
    one->open = 0; /* the mapping stays: copies under way must be seen to be waited for, not to crash */
    return SUCCESS;
}

Result cuMemcpyDtoDAsync_v2(Address to, Address from, size_t size, void *stream) {
    NEEDS_CONTEXT;
    if (fails("cuMemcpy")) return ILLEGAL_ADDRESS;
    memmove((void *)(uintptr_t)to, (void *)(uintptr_t)from, size);
    if (fails("garbles")) ((char *)(uintptr_t)to)[size / 2] += 1;
    return SUCCESS;
}

/* --- order ------------------------------------------------------------------------------------------------- */

Result cuStreamCreate(void **stream, unsigned flags) {
    NEEDS_CONTEXT;
    *stream = &a_stream;
    return flags == 1 ? SUCCESS : INVALID_VALUE;
}

Result cuStreamDestroy_v2(void *stream) { return stream == &a_stream ? SUCCESS : INVALID_HANDLE; }

Result cuEventCreate(void **event, unsigned flags) {
    NEEDS_CONTEXT;
    if (flags != 2 && flags != 6) return INVALID_VALUE; /* no timing; shared */
    Handle handle;
    name(&handle, "event");
    uint32_t *passed = mapped(handle.name, 4);
    if (passed) *passed = 1;
    return kept_event(handle, passed, event);
}

Result cuEventDestroy_v2(void *event) {
    if (!((Event *)event)->open) return INVALID_HANDLE;
    ((Event *)event)->open = 0;
    return SUCCESS;
}

Result cuEventRecord(void *event, void *stream) {
    NEEDS_CONTEXT;
    *((Event *)event)->passed = !late();
    return SUCCESS;
}

Result cuEventQuery(void *event) {
    Event *one = event;
    if (!one->open) return INVALID_HANDLE;
    if (!*one->passed && !late()) *one->passed = 1;
    return *one->passed ? SUCCESS : NOT_READY;
}

Result cuStreamWaitEvent(void *stream, void *event, unsigned flags) { return flags ? INVALID_VALUE : SUCCESS; }
Result cuIpcGetEventHandle(Handle *handle, void *event) { *handle = ((Event *)event)->handle; return SUCCESS; }

Result cuIpcOpenEventHandle(void **event, Handle handle) {
    NEEDS_CONTEXT;
    return kept_event(handle, mapped(handle.name, 0), event);
}

/* --- OpenGL ------------------------------------------------------------------------------------------------ */

static void *gl(const char *call) {
    void *library = dlopen("libEGL.so.1", RTLD_NOW);
    void *(*address_of)(const char *) = library ? dlsym(library, "eglGetProcAddress") : NULL;
    return address_of ? address_of(call) : NULL;
}

Result cuGraphicsGLRegisterBuffer(void **resource, unsigned buffer, unsigned flags) {
    NEEDS_CONTEXT;
    if (flags != 2 || fails("cuGraphicsGLRegisterBuffer")) return INVALID_VALUE;
    for (Resource *one = resources; one < resources + RESOURCES; one++)
        if (!one->open) {
            *one = (Resource){buffer, NULL, 1};
            *resource = one;
            return SUCCESS;
        }
    return OUT_OF_MEMORY;
}

Result cuGraphicsUnregisterResource(void *resource) {
    Resource *one = resource;
    if (!one->open || one->at) return INVALID_HANDLE;
    one->open = 0;
    return SUCCESS;
}

Result cuGraphicsMapResources(unsigned count, void **wanted, void *stream) {
    NEEDS_CONTEXT;
    Resource *one = wanted[0];
    if (count != 1 || !one->open) return INVALID_HANDLE;
    if (one->at) return ALREADY_MAPPED;
    void *(*map)(unsigned, unsigned) = gl("glMapNamedBuffer");
    one->at = map ? map(one->buffer, GL_WRITE_ONLY) : NULL;
    return one->at ? SUCCESS : UNKNOWN;
}

Result cuGraphicsResourceGetMappedPointer_v2(Address *address, size_t *size, void *resource) {
    Resource *one = resource;
    if (!one->at) return NOT_MAPPED;
    *address = (Address)(uintptr_t)one->at;
    *size = 0;
    return SUCCESS;
}

Result cuGraphicsUnmapResources(unsigned count, void **wanted, void *stream) {
    Resource *one = wanted[0];
    if (count != 1 || !one->at) return NOT_MAPPED;
    unsigned char (*unmap)(unsigned) = gl("glUnmapNamedBuffer");
    one->at = NULL;
    return unmap && unmap(one->buffer) ? SUCCESS : UNKNOWN;
}

/* By it cuda-python finds all the others. */
Result cuGetProcAddress_v2(const char *call, void **function, int version, uint64_t flags, int *status) {
    char newer[128];
    void *self = dlopen("libcuda.so.1", RTLD_NOLOAD | RTLD_NOW);
    snprintf(newer, sizeof newer, "%s_v2", call);
    *function = self ? dlsym(self, newer) : NULL;
    if (!*function && self) *function = dlsym(self, call);
    if (status) *status = *function ? 0 : 1;
    return *function ? SUCCESS : NOT_FOUND;
}
