/* What the machine can do: accept, and a loop of send().
 *
 *   fanout_limit FILL_BYTES
 *
 * Listens on a port of 127.0.0.1 that it writes to its standard output, answers each request with
 * the head of a WebSocket, or of an event stream where it is a GET of /sse, and writes a message
 * to all connections for each line on its standard input. It knows no error but the end.
 */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS = 512, BACKLOG = 4096, MOST = 1 << 16 };

static const char WEBSOCKET[] = "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n"
                                "connection: Upgrade\r\nsec-websocket-accept: x\r\n\r\n";
static const char STREAM[] = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
static int open_fds[MOST], open_count, poller, listener, is_stream;
static char fill[MOST];

static int64_t now_us(void) {
    struct timespec at;
    clock_gettime(CLOCK_REALTIME, &at);
    return (int64_t)at.tv_sec * 1000000 + at.tv_nsec / 1000;
}

static void watch(int fd) {
    struct epoll_event wanted = {.events = EPOLLIN, .data.fd = fd};
    epoll_ctl(poller, EPOLL_CTL_ADD, fd, &wanted);
}

static void listen_anywhere(void) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (bind(listener, (struct sockaddr *)&at, sizeof at) || listen(listener, BACKLOG)) exit(1);
    getsockname(listener, (struct sockaddr *)&at, &size);
    printf("%d\n", ntohs(at.sin_port));
    fflush(stdout);
}

static void take_in(void) {
    int fd, on = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        watch(fd);
    }
}

static void answer(int fd) {
    static char said[MOST];
    ssize_t size = recv(fd, said, sizeof said - 1, 0);
    if (size <= 0) {
        close(fd);
        for (int i = 0; i < open_count; i++)
            if (open_fds[i] == fd) open_fds[i--] = open_fds[--open_count];
        return;
    }
    said[size] = 0;
    if (strncmp(said, "GET ", 4)) return;
    is_stream = !strncmp(said, "GET /sse", 8);
    const char *head = is_stream ? STREAM : WEBSOCKET;
    if (send(fd, head, strlen(head), MSG_NOSIGNAL) > 0 && open_count < MOST)
        open_fds[open_count++] = fd;
}

static size_t message(char *framed) {
    static char text[2 * MOST];
    int size = sprintf(text, "{\"at\":%lld,\"fill\":\"%s\"}", (long long)now_us(), fill);
    if (is_stream) return (size_t)sprintf(framed, "data: %s\n\n", text);
    framed[0] = (char)0x81;
    framed[1] = 126;
    framed[2] = (char)(size >> 8);
    framed[3] = (char)size;
    memcpy(framed + 4, text, (size_t)size);
    return (size_t)size + 4;
}

static void publish(void) {
    static char lines[64], framed[3 * MOST];
    ssize_t count = read(0, lines, sizeof lines);
    if (count <= 0) exit(0);
    while (count--) {
        size_t size = message(framed);
        for (int i = 0; i < open_count; i++) send(open_fds[i], framed, size, MSG_NOSIGNAL);
    }
}

int main(int count, char **given) {
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    int bytes = count > 1 ? atoi(given[1]) : 1350;
    if (bytes < 200 || bytes > 60000) return 2;
    memset(fill, 'x', (size_t)bytes);
    poller = epoll_create1(0);
    listen_anywhere();
    watch(listener);
    watch(0);
    for (;;) {
        struct epoll_event found[EVENTS];
        int ready = epoll_wait(poller, found, EVENTS, -1);
        for (int i = 0; i < ready; i++) {
            int fd = found[i].data.fd;
            fd == listener ? take_in() : fd == 0 ? publish() : answer(fd);
        }
    }
}
