/* Counts the calls by which a process changes or reads what lies under one directory, and spoils
 * one of them. Preloaded; asleep until `calls_arm` is called in the process that is to suffer, so
 * the children that it starts by exec are left alone.
 *
 *     calls_share(bytes)      before a fork: where the tape lies, seen by parent and child
 *     calls_arm(...)          in the child
 *     calls_tape()            one line per call, "name path\n"; the first line is not cut off
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum how { NOTHING, FAIL, KILL_BEFORE, KILL_AFTER, SHORT, SLOW };

static struct tape { size_t size, used, calls; char text[]; } *tape;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char below[PATH_MAX];
static size_t below_length;
static char wanted[32];
static long nth, seen;
static int how, code, for_ever, armed, fired;

void calls_share(size_t bytes) {
    tape = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (tape == MAP_FAILED) abort();
    tape->size = bytes - sizeof *tape;
}

void calls_clear(void) { tape->used = 0; tape->calls = 0; }
const char *calls_tape(void) { return tape->text; }
size_t calls_used(void) { return tape->used; }

void calls_arm(const char *folder, const char *call, long at, int what, int number, int always) {
    snprintf(below, sizeof below, "%s", folder);
    below_length = strlen(below);
    snprintf(wanted, sizeof wanted, "%s", call);
    nth = at; how = what; code = number; for_ever = always; armed = 1;
}

static int ours(const char *path) {
    return strncmp(path, below, below_length) == 0
        && (path[below_length] == '/' || path[below_length] == 0);
}

/* Count a call; say what is to become of it. */
static int meet(const char *name, const char *path) {
    int what = NOTHING;
    pthread_mutex_lock(&lock);
    size_t room = tape->size - tape->used;
    int wrote = snprintf(tape->text + tape->used, room, "%s %s\n", name, path);
    if (wrote > 0 && (size_t)wrote < room) tape->used += wrote;
    tape->calls++;
    if (strcmp(name, wanted) == 0 || strcmp(wanted, "*") == 0) {
        seen++;
        if (seen == nth || (for_ever && seen > nth)) what = how;
    }
    if (what == KILL_BEFORE) kill(getpid(), SIGKILL);
    pthread_mutex_unlock(&lock);
    if (what == SLOW) usleep(20000);
    return what;
}

static int meet_path(const char *name, const char *path) {
    return armed && path && ours(path) ? meet(name, path) : NOTHING;
}

static int meet_handle(const char *name, int handle) {
    char link[64], path[PATH_MAX];
    if (!armed) return NOTHING;
    int kept = errno;
    snprintf(link, sizeof link, "/proc/self/fd/%d", handle);
    ssize_t length = readlink(link, path, sizeof path - 1);
    errno = kept;
    if (length <= 0) return NOTHING;
    path[length] = 0;
    return ours(path) ? meet(name, path) : NOTHING;
}

#define REAL(type, name, ...) \
    static type (*real)(__VA_ARGS__); \
    if (!real) real = (type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

#define DO(what, call) do { \
    int what_ = (what); \
    if (what_ == FAIL) { errno = code; return -1; } \
    __typeof__(call) got_ = (call); \
    if (what_ == KILL_AFTER) kill(getpid(), SIGKILL); \
    return got_; } while (0)

int open64(const char *path, int flags, ...) {
    va_list more; va_start(more, flags); mode_t mode = va_arg(more, mode_t); va_end(more);
    REAL(int, "open64", const char *, int, ...);
    DO(meet_path("open", path), real(path, flags, mode));
}
int open(const char *path, int flags, ...) {
    va_list more; va_start(more, flags); mode_t mode = va_arg(more, mode_t); va_end(more);
    REAL(int, "open", const char *, int, ...);
    DO(meet_path("open", path), real(path, flags, mode));
}
int openat64(int at, const char *path, int flags, ...) {
    va_list more; va_start(more, flags); mode_t mode = va_arg(more, mode_t); va_end(more);
    REAL(int, "openat64", int, const char *, int, ...);
    DO(meet_path("open", path), real(at, path, flags, mode));
}

#define SHORTER(what, count) ((what) == SHORT && (count) > 1 ? (count) / 2 : (count))

ssize_t write(int handle, const void *data, size_t count) {
    REAL(ssize_t, "write", int, const void *, size_t);
    int what = meet_handle("write", handle);
    DO(what, real(handle, data, SHORTER(what, count)));
}
ssize_t pwrite64(int handle, const void *data, size_t count, off64_t at) {
    REAL(ssize_t, "pwrite64", int, const void *, size_t, off64_t);
    int what = meet_handle("pwrite", handle);
    DO(what, real(handle, data, SHORTER(what, count), at));
}
ssize_t read(int handle, void *data, size_t count) {
    REAL(ssize_t, "read", int, void *, size_t);
    DO(meet_handle("read", handle), real(handle, data, count));
}
ssize_t pread64(int handle, void *data, size_t count, off64_t at) {
    REAL(ssize_t, "pread64", int, void *, size_t, off64_t);
    DO(meet_handle("pread", handle), real(handle, data, count, at));
}
ssize_t preadv64v2(int handle, const struct iovec *parts, int count, off64_t at, int flags) {
    REAL(ssize_t, "preadv64v2", int, const struct iovec *, int, off64_t, int);
    DO(meet_handle("pread", handle), real(handle, parts, count, at, flags));
}
int fsync(int handle) {
    REAL(int, "fsync", int);
    DO(meet_handle("fsync", handle), real(handle));
}
int fdatasync(int handle) {
    REAL(int, "fdatasync", int);
    DO(meet_handle("fdatasync", handle), real(handle));
}
int syncfs(int handle) {
    REAL(int, "syncfs", int);
    DO(meet_handle("syncfs", handle), real(handle));
}
int ftruncate64(int handle, off64_t size) {
    REAL(int, "ftruncate64", int, off64_t);
    DO(meet_handle("ftruncate", handle), real(handle, size));
}
int link(const char *from, const char *to) {
    REAL(int, "link", const char *, const char *);
    DO(meet_path("link", to), real(from, to));
}
int linkat(int from_at, const char *from, int to_at, const char *to, int flags) {
    REAL(int, "linkat", int, const char *, int, const char *, int);
    DO(meet_path("link", to), real(from_at, from, to_at, to, flags));
}
int rename(const char *from, const char *to) {
    REAL(int, "rename", const char *, const char *);
    DO(meet_path("rename", to), real(from, to));
}
int renameat2(int from_at, const char *from, int to_at, const char *to, unsigned flags) {
    REAL(int, "renameat2", int, const char *, int, const char *, unsigned);
    DO(meet_path("rename", to), real(from_at, from, to_at, to, flags));
}
int unlink(const char *path) {
    REAL(int, "unlink", const char *);
    DO(meet_path("unlink", path), real(path));
}
int mkdir(const char *path, mode_t mode) {
    REAL(int, "mkdir", const char *, mode_t);
    DO(meet_path("mkdir", path), real(path, mode));
}
