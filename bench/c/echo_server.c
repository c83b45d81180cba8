/* The reference for the echo benchmark: an io_uring server as a C programmer would write it, without liburing.
 * One thread, one ring (SINGLE_ISSUER | DEFER_TASKRUN), recv -> send -> recv per connection, submissions batched
 * into the call that waits.
 *   echo_server PORT|PATH
 * A number is a TCP port of 127.0.0.1, anything else the path of a UNIX socket.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/un.h>

#include "ring.h"

enum { MAX_FD = 16384, BUFFER = 4096 };
enum { ACCEPT, RECV, SEND };

static int listener;

static struct connection {
    char *buffer;
    unsigned sent, length;
} connections[MAX_FD];

static struct io_uring_sqe *begin(int opcode, int kind, int fd, void *buffer, unsigned length) {
    return submit(opcode, kind == ACCEPT ? listener : fd, buffer, length, (unsigned long long)kind << 32 | (unsigned)fd);
}

static void receive(int fd) { begin(IORING_OP_RECV, RECV, fd, connections[fd].buffer, BUFFER); }

static void hang_up(int fd) {
    free(connections[fd].buffer);
    connections[fd].buffer = NULL;
    close(fd);
}

static void send_rest(int fd) {
    struct connection *c = &connections[fd];
    begin(IORING_OP_SEND, SEND, fd, c->buffer + c->sent, c->length - c->sent)->msg_flags = MSG_NOSIGNAL;
}

static void completed(unsigned long long user_data, int res) {
    int kind = user_data >> 32, fd = user_data & 0xffffffff;
    struct connection *c = &connections[fd];
    switch (kind) {
    case ACCEPT:
        begin(IORING_OP_ACCEPT, ACCEPT, listener, NULL, 0);
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
        send_rest(fd);
        break;
    case SEND:
        if (res < 0) {
            hang_up(fd);
            break;
        }
        c->sent += res;
        if (c->sent < c->length) send_rest(fd);
        else receive(fd);
    }
}

static int listen_at(const char *where) {
    struct sockaddr_in in = {
        .sin_family = AF_INET, .sin_port = htons(atoi(where)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    int is_path = atoi(where) == 0;
    strncpy(un.sun_path, where, sizeof un.sun_path - 1);
    int fd = socket(is_path ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    void *address = is_path ? (void *)&un : &in;
    if (bind(fd, address, is_path ? sizeof un : sizeof in) || listen(fd, 4096)) die("listen");
    return fd;
}

int main(int argc, char **argv) {
    if (argc != 2) return fprintf(stderr, "usage: echo_server PORT|PATH\n"), 2;
    listener = listen_at(argv[1]);
    ring_setup();
    begin(IORING_OP_ACCEPT, ACCEPT, listener, NULL, 0);
    run(completed);
}
