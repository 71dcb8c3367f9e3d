/* Preloaded into a server: lets syncs of log segments fail with EIO when told to, and says which bytes
 * were waiting for them.
 *
 * FAILING_SYNC names a folder. A file `order` in it says how many syncs are to fail from now on; for
 * each, `failed` gets a line with the file's inode and the range of its bytes. A file whose sync failed
 * is held open, so that no other gets its inode while the process lives. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#define FILES 4096
#define NAME 4096

/* What was written and not synced, by descriptor. */
static struct { off_t from, to; } waiting[FILES];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static int is_segment(int fd) {
    char link[64], path[NAME];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 4) return 0;
    path[length] = 0;
    return strcmp(path + length - 4, ".seg") == 0;
}

static void wrote(int fd, off_t from, ssize_t length) {
    if (length <= 0 || fd < 0 || fd >= FILES || !is_segment(fd)) return;
    pthread_mutex_lock(&lock);
    off_t to = from + length;
    if (waiting[fd].to == 0 || from < waiting[fd].from) waiting[fd].from = from;
    if (to > waiting[fd].to) waiting[fd].to = to;
    pthread_mutex_unlock(&lock);
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t at) {
    ssize_t (*real)(int, const void *, size_t, off_t) = dlsym(RTLD_NEXT, "pwrite");
    ssize_t done = real(fd, bytes, length, at);
    wrote(fd, at, done);
    return done;
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t at) {
    ssize_t (*real)(int, const void *, size_t, off64_t) = dlsym(RTLD_NEXT, "pwrite64");
    ssize_t done = real(fd, bytes, length, at);
    wrote(fd, at, done);
    return done;
}

/* Whether one more sync is to fail; it is counted. */
static int is_ordered(const char *folder) {
    char order[NAME];
    snprintf(order, sizeof order, "%s/order", folder);
    FILE *file = fopen(order, "r+");
    if (file == NULL) return 0;
    int left = 0;
    if (fscanf(file, "%d", &left) != 1) left = 0;
    if (left > 1) {
        rewind(file);
        fprintf(file, "%d\n", left - 1);
    }
    fclose(file);
    if (left <= 1) unlink(order);
    return left > 0;
}

static void report(const char *folder, int fd) {
    char failed[NAME];
    struct stat found;
    snprintf(failed, sizeof failed, "%s/failed", folder);
    FILE *file = fopen(failed, "a");
    if (file == NULL || fstat(fd, &found) != 0 || dup(fd) < 0) abort();
    fprintf(file, "%llu %lld %lld\n", (unsigned long long)found.st_ino,
            (long long)waiting[fd].from, (long long)waiting[fd].to);
    fclose(file);
}

static int synced(int fd, const char *name) {
    const char *folder = getenv("FAILING_SYNC");
    int fails = 0;
    if (folder != NULL && fd >= 0 && fd < FILES && waiting[fd].to > 0) {
        pthread_mutex_lock(&lock);
        fails = is_segment(fd) && is_ordered(folder);
        if (fails) report(folder, fd);
        waiting[fd].from = waiting[fd].to = 0;
        pthread_mutex_unlock(&lock);
    }
    if (fails) {
        errno = EIO;
        return -1;
    }
    int (*real)(int) = dlsym(RTLD_NEXT, name);
    return real(fd);
}

int fdatasync(int fd) { return synced(fd, "fdatasync"); }

int fsync(int fd) { return synced(fd, "fsync"); }
