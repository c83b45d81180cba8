/* An io_uring without liburing, as the benchmarks' C programs use it: one thread, one ring (SINGLE_ISSUER |
 * DEFER_TASKRUN), submissions batched into the call that waits. */
#include <errno.h>
#include <linux/io_uring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { ENTRIES = 1024 };

static int ring_fd;
static unsigned *sq_tail, *sq_mask, *sq_array, *cq_head, *cq_tail, *cq_mask;
static struct io_uring_sqe *sqes;
static struct io_uring_cqe *cqes;
static unsigned queued;

static inline void die(const char *what) {
    perror(what);
    exit(1);
}

static void ring_setup(void) {
    struct io_uring_params p = {.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE,
                                .cq_entries = 4 * ENTRIES};
    ring_fd = syscall(SYS_io_uring_setup, ENTRIES, &p);
    if (ring_fd < 0 && errno == EINVAL) {
        p.flags = IORING_SETUP_CQSIZE; /* before Linux 6.1 */
        ring_fd = syscall(SYS_io_uring_setup, ENTRIES, &p);
    }
    if (ring_fd < 0) die("io_uring_setup");
    size_t sq_size = p.sq_off.array + p.sq_entries * sizeof(unsigned);
    size_t cq_size = p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe);
    size_t size = sq_size > cq_size ? sq_size : cq_size;
    char *ring = mmap(0, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring_fd, IORING_OFF_SQ_RING);
    sqes = mmap(0, p.sq_entries * sizeof *sqes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring_fd, IORING_OFF_SQES);
    if (ring == MAP_FAILED || sqes == MAP_FAILED) die("mmap");
    sq_tail = (unsigned *)(ring + p.sq_off.tail);
    sq_mask = (unsigned *)(ring + p.sq_off.ring_mask);
    sq_array = (unsigned *)(ring + p.sq_off.array);
    cq_head = (unsigned *)(ring + p.cq_off.head);
    cq_tail = (unsigned *)(ring + p.cq_off.tail);
    cq_mask = (unsigned *)(ring + p.cq_off.ring_mask);
    cqes = (struct io_uring_cqe *)(ring + p.cq_off.cqes);
    for (unsigned i = 0; i < p.sq_entries; i++) sq_array[i] = i;
}

static void enter(unsigned wait) {
    int done = syscall(SYS_io_uring_enter, ring_fd, queued, wait, IORING_ENTER_GETEVENTS, NULL, 0);
    if (done >= 0) queued -= done;
    else if (errno != EINTR && errno != EBUSY && errno != EAGAIN) die("io_uring_enter");
}

/* The next submission, zeroed but for what is said here; the caller may add to it before `enter`. */
static struct io_uring_sqe *submit(int opcode, int fd, const void *address, unsigned length, unsigned long long user_data) {
    while (queued == ENTRIES) enter(0);
    unsigned tail = *sq_tail;
    struct io_uring_sqe *sqe = &sqes[tail & *sq_mask];
    memset(sqe, 0, sizeof *sqe);
    sqe->opcode = opcode;
    sqe->fd = fd;
    sqe->addr = (unsigned long)address;
    sqe->len = length;
    sqe->user_data = user_data;
    __atomic_store_n(sq_tail, tail + 1, __ATOMIC_RELEASE);
    queued++;
    return sqe;
}

/* Waits, and hands every completion to `completed`, for ever. */
static void run(void (*completed)(unsigned long long user_data, int res)) {
    for (;;) {
        enter(1);
        unsigned head = *cq_head, tail = __atomic_load_n(cq_tail, __ATOMIC_ACQUIRE);
        for (; head != tail; head++) {
            struct io_uring_cqe *cqe = &cqes[head & *cq_mask];
            completed(cqe->user_data, cqe->res);
        }
        __atomic_store_n(cq_head, head, __ATOMIC_RELEASE);
    }
}
