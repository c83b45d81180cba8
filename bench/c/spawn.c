/* The reference for starting processes: clone(2) with VM|VFORK|PIDFD and execve(2), from a process of MEGABYTES.
 *   spawn MEGABYTES SECONDS
 * Starts /bin/true and waits for its end, again and again, by the pidfd.
 * Prints: starts cpu-seconds, of this process and its children
 */
#define _GNU_SOURCE
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void die(const char *what) {
    perror(what);
    exit(1);
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

/* Processor time, so that other work on the machine does not count. */
static double cpu_of(int whom) {
    struct rusage u;
    getrusage(whom, &u);
    return u.ru_utime.tv_sec + u.ru_stime.tv_sec + (u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e-6;
}

static double cpu(void) { return cpu_of(RUSAGE_SELF) + cpu_of(RUSAGE_CHILDREN); }

static int child(void *unused) {
    (void)unused;
    char *const argv[] = {"true", NULL}, *const envp[] = {NULL};
    execve("/bin/true", argv, envp);
    _exit(127);
}

int main(int argc, char **argv) {
    if (argc != 3) return 2;
    size_t bytes = (size_t)atol(argv[1]) << 20;
    double seconds = atof(argv[2]);
    memset(malloc(bytes), 1, bytes); /* freed with the process */
    static char stack[65536] __attribute__((aligned(16)));

    long count = 0;
    double began = now(), used = cpu();
    do {
        int pidfd;
        if (clone(child, stack + sizeof stack, CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, NULL, &pidfd) < 0) die("clone");
        struct pollfd ended = {.fd = pidfd, .events = POLLIN};
        siginfo_t info;
        if (poll(&ended, 1, -1) < 0) die("poll");
        if (waitid(P_PIDFD, pidfd, &info, WEXITED) < 0) die("waitid");
        if (info.si_code != CLD_EXITED || info.si_status != 0) die("true");
        close(pidfd);
        count++;
    } while (now() - began < seconds);
    printf("%ld %f\n", count, cpu() - used);
    return 0;
}
