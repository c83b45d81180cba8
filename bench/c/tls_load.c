/* The load of the TLS benchmark: starts a server and keeps N connections to it busy over a window.
 *   tls_load CPU CONNECTIONS SECONDS PORT echo|sink|source SERVER [ARGUMENT...]
 * echo: 64 bytes go there and back, again and again; sink: the server takes all that it can get; source: it sends all
 * that it can. Server and load run on the processor CPU. Prints: requests seconds server-cpu-seconds, where a request
 * is 64 bytes there and back, or a megabyte one way.
 */
#include "load.h"
#include <openssl/ssl.h>

enum { SIZE = 64, BLOCK = 65536 };

struct connection {
    SSL *ssl;
    int have; /* of the answer */
};

static char block[BLOCK];
static long moved; /* bytes, of bulk transfers */

static int lacks_something(SSL *ssl, int result) {
    int error = SSL_get_error(ssl, result);
    if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) die("SSL");
    return 1;
}

static void ask(struct connection *c) {
    if (SSL_write(c->ssl, block, SIZE) != SIZE) die("SSL_write");
}

/* Goes on with a connection that is ready; returns how many answers are complete. */
static long echo(struct connection *c) {
    for (;;) {
        int got = SSL_read(c->ssl, block, SIZE - c->have);
        if (got <= 0) return lacks_something(c->ssl, got), 0;
        if ((c->have += got) < SIZE) continue;
        c->have = 0;
        ask(c);
        return 1;
    }
}

/* So often that a round of others gets its turn. */
static long pour(struct connection *c, int is_sink) {
    for (int i = 0; i < 8; i++) {
        int n = is_sink ? SSL_write(c->ssl, block, BLOCK) : SSL_read(c->ssl, block, BLOCK);
        if (n <= 0) return lacks_something(c->ssl, n), 0;
        moved += n;
    }
    return 0;
}

static long serve(int poll, const char *mode, double until) {
    struct epoll_event events[256];
    long count = 0;
    for (;;) {
        int n = epoll_wait(poll, events, 256, 100);
        if (n < 0 && errno != EINTR) die("epoll_wait");
        for (int i = 0; i < n; i++) {
            struct connection *c = events[i].data.ptr;
            count += mode[0] == 'e' ? echo(c) : pour(c, mode[1] == 'i');
        }
        if (now() >= until) return count;
    }
}

int main(int argc, char **argv) {
    if (argc < 7) return fprintf(stderr, "usage: tls_load CPU CONNECTIONS SECONDS PORT echo|sink|source SERVER ...\n"), 2;
    int connections = atoi(argv[2]);
    double seconds = atof(argv[3]);
    const char *mode = argv[5];
    stay_on(atoi(argv[1]));
    signal(SIGPIPE, SIG_IGN);
    start_server(argv + 6);
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    int poll = epoll_create1(EPOLL_CLOEXEC);
    for (int i = 0; i < connections; i++) {
        struct connection *c = calloc(1, sizeof *c);
        int fd = dial(argv[4], now() + 20);
        c->ssl = SSL_new(ctx);
        SSL_set_fd(c->ssl, fd);
        if (SSL_connect(c->ssl) != 1) die("SSL_connect");
        if (fcntl(fd, F_SETFL, O_NONBLOCK)) die("fcntl");
        int wanted = strcmp(mode, "sink") == 0 ? EPOLLOUT : EPOLLIN;
        if (epoll_ctl(poll, EPOLL_CTL_ADD, fd, &(struct epoll_event){.events = wanted, .data.ptr = c})) die("epoll_ctl");
        if (mode[0] == 'e') ask(c);
    }
    serve(poll, mode, now() + seconds / 4); /* warms caches and compiles traces */
    moved = 0;
    double began = now(), cpu = server_cpu();
    double count = serve(poll, mode, began + seconds);
    double ended = now(), used = server_cpu() - cpu;
    if (mode[0] != 'e') count = moved / 1e6;
    kill(server, SIGKILL);
    waitpid(server, NULL, 0);
    printf("%.3f %.6f %.6f\n", count, ended - began, used);
    return 0;
}
