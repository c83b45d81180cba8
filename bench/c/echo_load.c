/* The load of the echo benchmark: starts a server, sends 64 bytes on each of N connections, sends them again when
 * they have come back, and measures requests and the server's CPU time over a window.
 *   echo_load CPU CONNECTIONS SECONDS PORT|PATH|udp:PORT SERVER [ARGUMENT...]
 * Server and load run on the processor CPU. Prints: requests seconds server-cpu-seconds
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SIZE = 64 };

static pid_t server;
static unsigned char *received; /* bytes of the current answer, by descriptor */

static void die(const char *what) {
    perror(what);
    if (server > 0) kill(server, SIGKILL);
    exit(1);
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

/* The run time of all threads of the server in seconds, from the scheduler's own nanosecond count. */
static double server_cpu(void) {
    char path[300];
    snprintf(path, sizeof path, "/proc/%d/task", server);
    DIR *tasks = opendir(path);
    if (!tasks) die("the server ended early");
    unsigned long long sum = 0, ns;
    for (struct dirent *task; (task = readdir(tasks));) {
        snprintf(path, sizeof path, "/proc/%d/task/%s/schedstat", server, task->d_name);
        FILE *file = task->d_name[0] == '.' ? NULL : fopen(path, "r");
        if (!file) continue;
        if (fscanf(file, "%llu", &ns) == 1) sum += ns;
        fclose(file);
    }
    closedir(tasks);
    return sum * 1e-9;
}

static void start_server(char **command) {
    server = fork();
    if (server < 0) die("fork");
    if (server == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execvp(command[0], command);
        perror(command[0]);
        _exit(127);
    }
}

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

/* A number is a TCP port of 127.0.0.1, anything else the path of a UNIX socket. */
static int dial(const char *where, double deadline) {
    if (strncmp(where, "udp:", 4) == 0) return dial_udp(where + 4, deadline);
    struct sockaddr_in in = {
        .sin_family = AF_INET, .sin_port = htons(atoi(where)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    int is_path = atoi(where) == 0;
    strncpy(un.sun_path, where, sizeof un.sun_path - 1);
    for (;;) {
        int fd = socket(is_path ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0) die("socket");
        if (connect(fd, is_path ? (void *)&un : &in, is_path ? sizeof un : sizeof in) == 0) {
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
            return fd;
        }
        close(fd);
        if (now() > deadline || waitpid(server, NULL, WNOHANG) != 0) die("connect");
        usleep(10000);
    }
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
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    CPU_SET(atoi(argv[1]), &cpus);
    if (sched_setaffinity(0, sizeof cpus, &cpus)) die("sched_setaffinity");
    start_server(argv + 5);
    received = calloc(connections + 4096, 1);
    int poll = epoll_create1(EPOLL_CLOEXEC);
    for (int i = 0; i < connections; i++) {
        int fd = dial(argv[4], now() + 20);
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
