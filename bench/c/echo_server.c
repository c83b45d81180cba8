/* The reference for the echo benchmark: an io_uring server as a C programmer would write it, without liburing.
 * One thread, one ring (SINGLE_ISSUER | DEFER_TASKRUN), recv -> send -> recv per connection, submissions batched
 * into the call that waits.
 *   echo_server PORT|PATH
 * A number is a TCP port of 127.0.0.1, anything else the path of a UNIX socket.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/io_uring.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

enum { ENTRIES = 1024, MAX_FD = 16384, BUFFER = 4096 };
enum { ACCEPT, RECV, SEND };

static int ring_fd;
static unsigned *sq_tail, *sq_mask, *sq_array, *cq_head, *cq_tail, *cq_mask;
static struct io_uring_sqe *sqes;
static struct io_uring_cqe *cqes;
static unsigned queued;

static struct connection {
    char *buffer;
    unsigned sent, length;
} connections[MAX_FD];

static void die(const char *what) {
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

static void submit(int opcode, int kind, int fd, void *buffer, unsigned length) {
    while (queued == ENTRIES) enter(0);
    unsigned tail = *sq_tail;
    struct io_uring_sqe *sqe = &sqes[tail & *sq_mask];
    memset(sqe, 0, sizeof *sqe);
    sqe->opcode = opcode;
    sqe->fd = fd;
    sqe->addr = (unsigned long)buffer;
    sqe->len = length;
    if (kind == SEND) sqe->msg_flags = MSG_NOSIGNAL;
    sqe->user_data = (unsigned long long)kind << 32 | (unsigned)fd;
    __atomic_store_n(sq_tail, tail + 1, __ATOMIC_RELEASE);
    queued++;
}

static void receive(int fd) { submit(IORING_OP_RECV, RECV, fd, connections[fd].buffer, BUFFER); }

static void hang_up(int fd) {
    free(connections[fd].buffer);
    connections[fd].buffer = NULL;
    close(fd);
}

static void completed(int listener, int kind, int fd, int res) {
    struct connection *c = &connections[fd];
    switch (kind) {
    case ACCEPT:
        submit(IORING_OP_ACCEPT, ACCEPT, listener, NULL, 0);
        if (res < 0 || res >= MAX_FD) break;
        setsockopt(res, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
        connections[res].buffer = malloc(BUFFER);
        receive(res);
        break;
    case RECV:
        if (res <= 0) {
            hang_up(fd);
            break;
        }
        c->sent = 0;
        c->length = res;
        submit(IORING_OP_SEND, SEND, fd, c->buffer, res);
        break;
    case SEND:
        if (res < 0) {
            hang_up(fd);
            break;
        }
        c->sent += res;
        if (c->sent < c->length) submit(IORING_OP_SEND, SEND, fd, c->buffer + c->sent, c->length - c->sent);
        else receive(fd);
    }
}

static int listen_at(const char *where) {
    struct sockaddr_in in = {
        .sin_family = AF_INET, .sin_port = htons(atoi(where)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    int is_path = atoi(where) == 0;
    strncpy(un.sun_path, where, sizeof un.sun_path - 1);
    int listener = socket(is_path ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    void *address = is_path ? (void *)&un : &in;
    if (bind(listener, address, is_path ? sizeof un : sizeof in) || listen(listener, 4096)) die("listen");
    return listener;
}

int main(int argc, char **argv) {
    if (argc != 2) return fprintf(stderr, "usage: echo_server PORT|PATH\n"), 2;
    int listener = listen_at(argv[1]);
    ring_setup();
    submit(IORING_OP_ACCEPT, ACCEPT, listener, NULL, 0);
    for (;;) {
        enter(1);
        unsigned head = *cq_head, tail = __atomic_load_n(cq_tail, __ATOMIC_ACQUIRE);
        for (; head != tail; head++) {
            struct io_uring_cqe *cqe = &cqes[head & *cq_mask];
            completed(listener, cqe->user_data >> 32, cqe->user_data & 0xffffffff, cqe->res);
        }
        __atomic_store_n(cq_head, head, __ATOMIC_RELEASE);
    }
}
