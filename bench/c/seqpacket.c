/* The reference for messages between processes: one over SOCK_SEQPACKET and one back, blocking send(2) and recv(2).
 *   seqpacket SECONDS
 * Prints: round trips, cpu-seconds of both processes
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ROUND = 1000 };

static void die(const char *what) {
    perror(what);
    exit(1);
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

static double cpu_of(int whom) {
    struct rusage u;
    getrusage(whom, &u);
    return u.ru_utime.tv_sec + u.ru_stime.tv_sec + (u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e-6;
}

/* As many bytes as an actor's message of a number has. */
struct message {
    double number;
    char rest[152];
};

int main(int argc, char **argv) {
    if (argc != 2) return 2;
    double seconds = atof(argv[1]);
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) die("socketpair");
    struct message m = {0};
    pid_t child = fork();
    if (child < 0) die("fork");
    if (child == 0) {
        close(ends[0]);
        while (recv(ends[1], &m, sizeof m, 0) == sizeof m) {
            if (send(ends[1], &m, sizeof m, MSG_NOSIGNAL) < 0) die("send");
        }
        _exit(0);
    }
    close(ends[1]);
    long count = 0;
    double began = now();
    do {
        for (int i = 0; i < ROUND; i++) {
            m.number = i;
            if (send(ends[0], &m, sizeof m, MSG_NOSIGNAL) < 0) die("send");
            if (recv(ends[0], &m, sizeof m, 0) != sizeof m) die("recv");
            if (m.number != i) return 1;
        }
        count += ROUND;
    } while (now() - began < seconds);
    close(ends[0]);
    if (waitpid(child, NULL, 0) < 0) die("waitpid");
    printf("%ld %f\n", count, cpu_of(RUSAGE_SELF) + cpu_of(RUSAGE_CHILDREN));
    return 0;
}
