/* The reference for the UDP echo benchmark: an io_uring server as a C programmer would write it, without liburing.
 * One socket, SLOTS datagrams in flight, each recvmsg -> sendmsg -> recvmsg.
 *   udp_echo_server udp:PORT [SLOTS]
 */
#define _GNU_SOURCE
#include <arpa/inet.h>

#include "ring.h"

enum { BUFFER = 4096, MAX_SLOTS = 1024 };

static int fd;

static struct slot {
    struct msghdr message;
    struct iovec vector;
    struct sockaddr_in peer;
    int sends;
    char buffer[BUFFER];
} slots[MAX_SLOTS];

static void begin(int i) {
    struct slot *s = &slots[i];
    s->message = (struct msghdr){
        .msg_name = &s->peer, .msg_namelen = sizeof s->peer, .msg_iov = &s->vector, .msg_iovlen = 1};
    submit(s->sends ? IORING_OP_SENDMSG : IORING_OP_RECVMSG, fd, &s->message, 1, i);
}

static void completed(unsigned long long i, int res) {
    struct slot *s = &slots[i];
    if (res < 0) errno = -res, die("recvmsg or sendmsg");
    s->sends = !s->sends;
    s->vector.iov_len = s->sends ? res : BUFFER;
    begin(i);
}

int main(int argc, char **argv) {
    if (argc < 2) return fprintf(stderr, "usage: udp_echo_server udp:PORT [SLOTS]\n"), 2;
    int count = argc > 2 ? atoi(argv[2]) : 4;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    address.sin_port = htons(atoi(argv[1] + 4));
    fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (bind(fd, (struct sockaddr *)&address, sizeof address)) die("bind");
    ring_setup();
    for (int i = 0; i < count; i++) {
        slots[i].vector = (struct iovec){slots[i].buffer, BUFFER};
        begin(i);
    }
    run(completed);
}
