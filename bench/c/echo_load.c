/* The load of the echo benchmark: starts a server, sends 64 bytes on each of N connections, sends them again when
 * they have come back, and measures requests and the server's CPU time over a window.
 *   echo_load CPU CONNECTIONS SECONDS PORT|PATH|udp:PORT SERVER [ARGUMENT...]
 * Server and load run on the processor CPU. Prints: requests seconds server-cpu-seconds
 */
#include "load.h"

enum { SIZE = 64 };

static unsigned char *received; /* bytes of the current answer, by descriptor */

/* Waits for the server by asking it until it answers. */
static int dial_udp(const char *port, double deadline) {
    struct sockaddr_in in = {
        .sin_family = AF_INET, .sin_port = htons(atoi(port)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (void *)&in, sizeof in)) die("connect");
    struct timeval patience = {.tv_usec = 10000};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    for (char c = 0; send(fd, &c, 1, 0) != 1 || recv(fd, &c, 1, 0) != 1;) {
        if (now() > deadline || waitpid(server, NULL, WNOHANG) != 0) die("connect");
        usleep(10000);
    }
    return fd;
}

static void ask(int fd) {
    static const char request[SIZE];
    if (send(fd, request, SIZE, MSG_NOSIGNAL) != SIZE) die("send");
}

/* Serves what has come back until `until`; returns the number of complete answers. */
static long answers(int poll, double until) {
    struct epoll_event events[256];
    char buffer[SIZE];
    long count = 0;
    for (;;) {
        int n = epoll_wait(poll, events, 256, 100);
        if (n < 0 && errno != EINTR) die("epoll_wait");
        for (int i = 0; i < n; i++) {
            int fd = events[i].data.fd;
            int got = recv(fd, buffer, SIZE - received[fd], MSG_DONTWAIT);
            if (got < 0 && errno == EAGAIN) continue;
            if (got <= 0) die("recv");
            if ((received[fd] += got) < SIZE) continue;
            received[fd] = 0;
            count++;
            ask(fd);
        }
        if (now() >= until) return count;
    }
}

int main(int argc, char **argv) {
    if (argc < 6) return fprintf(stderr, "usage: echo_load CPU CONNECTIONS SECONDS PORT|PATH|udp:PORT SERVER [ARGUMENT...]\n"), 2;
    int connections = atoi(argv[2]);
    double seconds = atof(argv[3]);
    stay_on(atoi(argv[1]));
    start_server(argv + 5);
    received = calloc(connections + 4096, 1);
    int is_udp = strncmp(argv[4], "udp:", 4) == 0;
    int poll = epoll_create1(EPOLL_CLOEXEC);
    for (int i = 0; i < connections; i++) {
        int fd = is_udp ? dial_udp(argv[4] + 4, now() + 20) : dial(argv[4], now() + 20);
        if (epoll_ctl(poll, EPOLL_CTL_ADD, fd, &(struct epoll_event){.events = EPOLLIN, .data.fd = fd})) die("epoll_ctl");
        ask(fd);
    }
    answers(poll, now() + seconds / 4); /* warms caches and compiles traces */
    double began = now(), cpu = server_cpu();
    long count = answers(poll, began + seconds);
    double ended = now(), used = server_cpu() - cpu;
    kill(server, SIGKILL);
    waitpid(server, NULL, 0);
    printf("%ld %.6f %.6f\n", count, ended - began, used);
    return 0;
}
