/* A disk that fails when told to: preloaded into the service, for the database's files only.
 *
 * DISK_FAULT names a file. While it holds "full", writing meets ENOSPC; "flush": flushing meets EIO; "readonly": writing
 * and opening for writing meet EROFS. While it is empty or not there, nothing is wrong.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

static int fault_is(const char *wanted) {
    char said[16] = {0};
    const char *path = getenv("DISK_FAULT");
    int file = path ? (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0) : -1;
    if (file < 0) return 0;
    ssize_t length = read(file, said, sizeof said - 1);
    close(file);
    return length > 0 && strcmp(said, wanted) == 0;
}

static int is_database(const char *path) {
    return strstr(path, "breakwater.db") != NULL;
}

static int is_open_database(int descriptor) {
    char link[64], path[4096] = {0};
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    return readlink(link, path, sizeof path - 1) > 0 && is_database(path);
}

static int refused(int descriptor, const char *fault, int error) {
    if (!fault_is(fault) || !is_open_database(descriptor)) return 0;
    errno = error;
    return 1;
}

static int cannot_write(int descriptor) {
    return refused(descriptor, "full", ENOSPC) || refused(descriptor, "readonly", EROFS);
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t pwrite64(int descriptor, const void *data, size_t length, off64_t at) {
    return cannot_write(descriptor) ? -1 : REAL(pwrite64)(descriptor, data, length, at);
}

ssize_t pwrite(int descriptor, const void *data, size_t length, off_t at) {
    return cannot_write(descriptor) ? -1 : REAL(pwrite)(descriptor, data, length, at);
}

int ftruncate64(int descriptor, off64_t length) {
    return refused(descriptor, "readonly", EROFS) ? -1 : REAL(ftruncate64)(descriptor, length);
}

int fsync(int descriptor) {
    return refused(descriptor, "flush", EIO) ? -1 : REAL(fsync)(descriptor);
}

int fdatasync(int descriptor) {
    return refused(descriptor, "flush", EIO) ? -1 : REAL(fdatasync)(descriptor);
}

static int cannot_open(const char *path, int flags) {
    if ((flags & O_ACCMODE) == O_RDONLY || !is_database(path) || !fault_is("readonly")) return 0;
    errno = EROFS;
    return 1;
}

int open64(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    mode_t mode = va_arg(rest, mode_t);
    va_end(rest);
    return cannot_open(path, flags) ? -1 : REAL(open64)(path, flags, mode);
}

int open(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    mode_t mode = va_arg(rest, mode_t);
    va_end(rest);
    return cannot_open(path, flags) ? -1 : REAL(open)(path, flags, mode);
}
