/* The C server of the TLS benchmark: OpenSSL on non-blocking sockets, one epoll.
 *   tls_server PORT echo|sink|source CERTIFICATES
 * CERTIFICATES is the directory with chain.pem and server.key.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BLOCK = 65536 };

static char block[BLOCK];

struct connection {
    SSL *ssl;
    int is_ready;
};

static void die(const char *what) {
    perror(what);
    exit(1);
}

/* 1 goes on, 0 waits, -1 has ended. */
static int go_on(SSL *ssl, int result) {
    int error = SSL_get_error(ssl, result);
    return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

static int step(struct connection *c, const char *mode) {
    if (!c->is_ready) {
        int done = SSL_accept(c->ssl);
        if (done != 1) return go_on(c->ssl, done);
        c->is_ready = 1;
    }
    if (strcmp(mode, "source") == 0) {
        int sent = SSL_write(c->ssl, block, BLOCK);
        return sent > 0 ? 1 : go_on(c->ssl, sent);
    }
    int got = SSL_read(c->ssl, block, BLOCK);
    if (got <= 0) return go_on(c->ssl, got);
    if (mode[0] == 'e' && SSL_write(c->ssl, block, got) != got) return -1;
    return 1;
}

int main(int argc, char **argv) {
    if (argc < 4) return fprintf(stderr, "usage: tls_server PORT echo|sink|source CERTIFICATES\n"), 2;
    signal(SIGPIPE, SIG_IGN);
    char path[4096];
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    snprintf(path, sizeof path, "%s/chain.pem", argv[3]);
    if (SSL_CTX_use_certificate_chain_file(ctx, path) != 1) die(path);
    snprintf(path, sizeof path, "%s/server.key", argv[3]);
    if (SSL_CTX_use_PrivateKey_file(ctx, path, SSL_FILETYPE_PEM) != 1) die(path);

    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    struct sockaddr_in in = {
        .sin_family = AF_INET, .sin_port = htons(atoi(argv[1])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (bind(listener, (void *)&in, sizeof in) || listen(listener, 4096)) die("listen");
    int poll = epoll_create1(EPOLL_CLOEXEC);
    epoll_ctl(poll, EPOLL_CTL_ADD, listener, &(struct epoll_event){.events = EPOLLIN});
    for (;;) {
        struct epoll_event events[256];
        int n = epoll_wait(poll, events, 256, -1);
        for (int i = 0; i < n; i++) {
            struct connection *c = events[i].data.ptr;
            if (!c) {
                int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
                if (fd < 0) continue;
                setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
                c = calloc(1, sizeof *c);
                c->ssl = SSL_new(ctx);
                SSL_set_fd(c->ssl, fd);
                int wanted = EPOLLIN | EPOLLET | (strcmp(argv[2], "source") == 0 ? EPOLLOUT : 0);
                epoll_ctl(poll, EPOLL_CTL_ADD, fd, &(struct epoll_event){.events = wanted, .data.ptr = c});
                continue;
            }
            int result;
            while ((result = step(c, argv[2])) == 1) {
            }
            if (result < 0) {
                close(SSL_get_fd(c->ssl));
                SSL_free(c->ssl);
                free(c);
            }
        }
    }
}
