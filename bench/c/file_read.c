/* The reference for file reads: random 4 KiB blocks of a file in the page cache.
 *   file_read PATH DEPTH SECONDS
 * Depth 1 is pread(2); a greater depth keeps that many reads in flight on an io_uring.
 * Prints: reads cpu-seconds
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { BLOCK = 4096, CHECK = 256 };

static long blocks;
static unsigned state = 1;

static void die(const char *what) {
    perror(what);
    exit(1);
}

/* Processor time, so that other work on the machine does not count. */
static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

/* The Lua side walks through the same blocks: Numerical Recipes' quick generator, upper bits. */
static off_t next_offset(void) {
    state = state * 1664525u + 1013904223u;
    return (off_t)((state >> 8) % blocks) * BLOCK;
}

static long with_pread(int fd, double until) {
    static char buffer[BLOCK];
    for (long count = 0;; count++) {
        if (pread(fd, buffer, BLOCK, next_offset()) != BLOCK) die("pread");
        if (count % CHECK == 0 && now() >= until) return count;
    }
}

static long with_ring(int fd, unsigned depth, double until) {
    struct io_uring_params p = {.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN};
    int ring_fd = syscall(SYS_io_uring_setup, depth, &p);
    if (ring_fd < 0) {
        p.flags = 0; /* before Linux 6.1 */
        ring_fd = syscall(SYS_io_uring_setup, depth, &p);
    }
    if (ring_fd < 0) die("io_uring_setup");
    size_t size = p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe);
    char *ring = mmap(0, size, PROT_READ | PROT_WRITE, MAP_SHARED, ring_fd, IORING_OFF_SQ_RING);
    struct io_uring_sqe *sqes =
        mmap(0, p.sq_entries * sizeof *sqes, PROT_READ | PROT_WRITE, MAP_SHARED, ring_fd, IORING_OFF_SQES);
    if (ring == MAP_FAILED || sqes == MAP_FAILED) die("mmap");
    unsigned *sq_tail = (unsigned *)(ring + p.sq_off.tail), *sq_array = (unsigned *)(ring + p.sq_off.array);
    unsigned *cq_head = (unsigned *)(ring + p.cq_off.head), *cq_tail = (unsigned *)(ring + p.cq_off.tail);
    unsigned sq_mask = p.sq_entries - 1, cq_mask = p.cq_entries - 1;
    struct io_uring_cqe *cqes = (struct io_uring_cqe *)(ring + p.cq_off.cqes);
    char *buffers = malloc((size_t)depth * BLOCK);
    unsigned *idle = malloc(depth * sizeof *idle), idle_count = depth;
    for (unsigned i = 0; i < p.sq_entries; i++) sq_array[i] = i;
    for (unsigned i = 0; i < depth; i++) idle[i] = i;
    for (long count = 0, checked = 0;;) {
        unsigned tail = *sq_tail, queued = idle_count;
        while (idle_count > 0) {
            unsigned slot = idle[--idle_count];
            struct io_uring_sqe *sqe = &sqes[tail++ & sq_mask];
            memset(sqe, 0, sizeof *sqe);
            sqe->opcode = IORING_OP_READ;
            sqe->fd = fd;
            sqe->off = next_offset();
            sqe->addr = (unsigned long)(buffers + (size_t)slot * BLOCK);
            sqe->len = BLOCK;
            sqe->user_data = slot;
        }
        __atomic_store_n(sq_tail, tail, __ATOMIC_RELEASE);
        if (syscall(SYS_io_uring_enter, ring_fd, queued, 1, IORING_ENTER_GETEVENTS, NULL, 0) < 0) die("io_uring_enter");
        unsigned head = *cq_head, end = __atomic_load_n(cq_tail, __ATOMIC_ACQUIRE);
        for (; head != end; head++) {
            if (cqes[head & cq_mask].res != BLOCK) die("read");
            idle[idle_count++] = cqes[head & cq_mask].user_data;
            count++;
        }
        __atomic_store_n(cq_head, head, __ATOMIC_RELEASE);
        if (count >= checked + CHECK) {
            checked = count;
            if (now() >= until) return count;
        }
    }
}

int main(int argc, char **argv) {
    struct stat status;
    if (argc != 4) return fprintf(stderr, "usage: file_read PATH DEPTH SECONDS\n"), 2;
    int fd = open(argv[1], O_RDONLY | O_CLOEXEC), depth = atoi(argv[2]);
    if (fd < 0 || fstat(fd, &status)) die(argv[1]);
    blocks = status.st_size / BLOCK;
    double began = now(), until = began + atof(argv[3]);
    long count = depth == 1 ? with_pread(fd, until) : with_ring(fd, depth, until);
    printf("%ld %.6f\n", count, now() - began);
    return 0;
}
