/* Runs a command and prints the processor time it used, user and system, in seconds; its output goes nowhere.
 *   cpu_time COMMAND [ARGUMENT...]
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv) {
    if (argc < 2) return fprintf(stderr, "usage: cpu_time COMMAND [ARGUMENT...]\n"), 2;
    pid_t pid = fork();
    if (pid == 0) {
        dup2(open("/dev/null", O_WRONLY), 1);
        execvp(argv[1], argv + 1);
        perror(argv[1]);
        _exit(127);
    }
    int status;
    waitpid(pid, &status, 0);
    struct rusage use;
    getrusage(RUSAGE_CHILDREN, &use);
    printf("%.6f\n", use.ru_utime.tv_sec + use.ru_utime.tv_usec * 1e-6 + use.ru_stime.tv_sec + use.ru_stime.tv_usec * 1e-6);
    return status != 0;
}
