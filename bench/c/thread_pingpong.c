// Sends a number to another thread and receives it back, again and again, over two queues with a mutex each and an
// eventfd that wakes who waits. The yardstick for programs/actor.lua.
// Run: thread_pingpong SECONDS    Prints: round trips, cpu-seconds
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

struct queue {
    pthread_mutex_t lock;
    int eventfd, waits;
    unsigned first, count;
    double numbers[64];
};

static struct queue there, back;

static void put(struct queue *queue, double number) {
    pthread_mutex_lock(&queue->lock);
    queue->numbers[(queue->first + queue->count++) % 64] = number;
    int wakes = queue->waits;
    queue->waits = 0;
    pthread_mutex_unlock(&queue->lock);
    if (wakes && write(queue->eventfd, &(uint64_t){1}, 8) != 8) abort();
}

static double take(struct queue *queue) {
    for (;;) {
        pthread_mutex_lock(&queue->lock);
        if (queue->count > 0) {
            double number = queue->numbers[queue->first];
            queue->first = (queue->first + 1) % 64;
            queue->count--;
            pthread_mutex_unlock(&queue->lock);
            return number;
        }
        queue->waits = 1;
        pthread_mutex_unlock(&queue->lock);
        uint64_t woken;
        if (read(queue->eventfd, &woken, 8) != 8) abort();
    }
}

static void *echo(void *unused) {
    (void)unused;
    for (;;) {
        double number = take(&there);
        put(&back, number);
        if (number < 0) return 0;
    }
}

static double seconds_of(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return time.tv_sec + time.tv_nsec * 1e-9;
}

int main(int argc, char **argv) {
    double seconds = argc > 1 ? atof(argv[1]) : 1;
    for (struct queue *queue = &there; queue; queue = queue == &there ? &back : 0) {
        pthread_mutex_init(&queue->lock, 0);
        queue->eventfd = eventfd(0, EFD_CLOEXEC);
    }
    pthread_t thread;
    if (pthread_create(&thread, 0, echo, 0) != 0) return 1;
    long count = 0;
    double began = seconds_of(CLOCK_MONOTONIC), used = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
    do {
        for (int i = 0; i < 1000; i++, count++) {
            put(&there, i);
            if (take(&back) != i) return 1;
        }
    } while (seconds_of(CLOCK_MONOTONIC) - began < seconds);
    printf("%ld %f\n", count, seconds_of(CLOCK_PROCESS_CPUTIME_ID) - used);
    put(&there, -1);
    pthread_join(thread, 0);
    return 0;
}
