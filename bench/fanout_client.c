/* The readers of the fan-out measurement: thousands of connections on one epoll loop.
 *
 *   fanout_client PORT READERS STALLED PROTOCOL READY MARKER EVENT TICK_MS OFFSET_MS REQUEST MESSAGES
 *
 * Connects to 127.0.0.1:PORT, sends the bytes of the file REQUEST on each connection and, once the
 * head of the answer is there, each line of the file MESSAGES as a WebSocket message. PROTOCOL is
 * `ws` (RFC 6455) or `sse` (WHATWG HTML, section 9.2; plain or as HTTP chunks). The last STALLED
 * readers read nothing after that.
 *
 * What follows MARKER in a message is when it was published: microseconds since 1970, or a time of
 * RFC 3339 in UTC. With a TICK_MS, the latency is that since the tick (OFFSET_MS after a multiple of
 * TICK_MS) on which it was due instead. What follows EVENT, if that is not empty, is when
 * what it tells came to be, in microseconds.
 *
 * Writes one line of JSON when all are connected, one when each that reads has had as many messages
 * with READY in them as it sent (one at least), and one for each `stop` on its standard input, of
 * what came since the `start` before. Ends with it.
 */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

enum { IN_FLIGHT = 256, EVENTS = 512, BUFFER = 1 << 22, PATIENCE_MS = 60000, A_SOURCE = 20000 };
enum { KNOWN_BITS = 14, PACKED = 0x40, UNPACKED_ROOM = 1 << 22 };

typedef struct {
    int fd;
    uint8_t is_connected, is_open, is_stalled;
    uint32_t kept;
    char *rest;
    uint32_t frames, heard;
} Reader;

/* What was read in a message: thousands of readers get the same bytes. */
typedef struct {
    uint64_t hash;
    size_t size;
    int64_t at, event;
    int is_ready;
} Message;

typedef struct {
    uint32_t *us;
    size_t count, room;
} Latencies;

static Reader *readers;
static int reader_count, stalled_count, opened, begun, heard, lost;
static uint32_t subscription_count;
static int is_websocket, poller, port;
static const char *ready_marker, *marker, *event_marker;
static int64_t tick_us, offset_us;
static char *request, *messages;
static size_t request_size, messages_size;
static char buffer[BUFFER];
static Latencies published, events;
static uint64_t bytes_read, frames_read, frame_bytes;
static int is_measuring;
static Message known[1 << KNOWN_BITS];

static void fail(const char *format, ...) {
    va_list values;
    va_start(values, format);
    vfprintf(stderr, format, values);
    va_end(values);
    fputc('\n', stderr);
    exit(1);
}

static int64_t now_us(void) {
    struct timespec at;
    clock_gettime(CLOCK_REALTIME, &at);
    return (int64_t)at.tv_sec * 1000000 + at.tv_nsec / 1000;
}

static void *checked(void *memory) {
    if (!memory) fail("out of memory");
    return memory;
}

static char *file(const char *path, size_t *size) {
    FILE *opened_file = fopen(path, "rb");
    if (!opened_file) fail("%s: %s", path, strerror(errno));
    char *content = checked(malloc(1 << 20));
    *size = fread(content, 1, (1 << 20) - 1, opened_file);
    content[*size] = 0;
    fclose(opened_file);
    return content;
}

/* Times */

static int64_t days_to(int64_t year, int month, int day) {
    year -= month <= 2;
    int64_t era = year / 400, of_era = year - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static int64_t rfc3339(const char *text) {
    static char known[32];
    static int64_t known_us;
    if (!memcmp(known, text, 24)) return known_us;
    int year, month, day, hour, minute;
    double second;
    if (sscanf(text, "%d-%d-%dT%d:%d:%lf", &year, &month, &day, &hour, &minute, &second) != 6)
        fail("not a time: %.30s", text);
    int64_t minutes = (days_to(year, month, day) * 24 + hour) * 60 + minute;
    memcpy(known, text, 24);
    known_us = minutes * 60000000 + (int64_t)(second * 1e6 + 0.5);
    return known_us;
}

/* The time after the last such marker; 0 if the message has none. The buffer has room past its end. */
static int64_t time_after(const char *mark, const char *text, size_t size) {
    const char *found = NULL, *next = text;
    while ((next = memmem(next, (size_t)(text + size - next), mark, strlen(mark)))) found = next++;
    if (!found || (size_t)(text + size - found) < strlen(mark) + 8) return 0;
    found += strlen(mark);
    if (*found == '"') found++;
    return found[4] == '-' ? rfc3339(found) : (int64_t)strtod(found, NULL);
}

static void observe(Latencies *latencies, int64_t us) {
    if (latencies->count == latencies->room) {
        latencies->room = latencies->room ? latencies->room * 2 : 1 << 20;
        latencies->us = checked(realloc(latencies->us, latencies->room * sizeof *latencies->us));
    }
    latencies->us[latencies->count++] = us < 0 ? 0 : (uint32_t)(us > INT32_MAX ? INT32_MAX : us);
}

/* Messages */

static uint64_t hash_of(const char *data, size_t size) {
    uint64_t hash = size, word;
    for (; size >= sizeof word; data += sizeof word, size -= sizeof word) {
        memcpy(&word, data, sizeof word);
        hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
        hash ^= hash >> 32;
    }
    while (size--) hash = (hash ^ (uint8_t)*data++) * 0x9e3779b97f4a7c15u;
    return hash ^ hash >> 29;
}

/* A message of `permessage-deflate` (RFC 7692, section 7.2.2), each by itself. */
static const char *unpacked(const char *data, size_t *size) {
    static z_stream stream;
    static int is_begun;
    static char text[UNPACKED_ROOM], tail[] = {0, 0, (char)0xff, (char)0xff};
    if (is_begun ? inflateReset(&stream) : inflateInit2(&stream, -15)) fail("zlib does not begin");
    is_begun = 1;
    stream.next_out = (Bytef *)text;
    stream.avail_out = UNPACKED_ROOM;
    stream.next_in = (Bytef *)data;
    stream.avail_in = (uInt)*size;
    if (inflate(&stream, Z_SYNC_FLUSH) != Z_OK) fail("a message cannot be unpacked");
    stream.next_in = (Bytef *)tail;
    stream.avail_in = sizeof tail;
    inflate(&stream, Z_SYNC_FLUSH);
    *size = UNPACKED_ROOM - stream.avail_out;
    return text;
}

static const Message *message(const char *data, size_t size, int is_packed) {
    uint64_t hash = hash_of(data, size);
    Message *found = &known[hash >> (64 - KNOWN_BITS)];
    if (found->hash == hash && found->size == size) return found;
    *found = (Message){.hash = hash, .size = size};
    if (is_packed) data = unpacked(data, &size);
    found->at = time_after(marker, data, size);
    found->event = *event_marker ? time_after(event_marker, data, size) : 0;
    found->is_ready = memmem(data, size, ready_marker, strlen(ready_marker)) != NULL;
    return found;
}

static void take(Reader *reader, const char *data, size_t size, int is_packed, int64_t now) {
    const Message *told = message(data, size, is_packed);
    int64_t at = told->at;
    if (!at) return;
    if (told->is_ready && ++reader->heard == subscription_count) heard++;
    if (!is_measuring) return;
    if (tick_us) at = (at - offset_us) / tick_us * tick_us + offset_us;
    observe(&published, now - at);
    if (told->event > 1000000000) observe(&events, now - told->event);
    reader->frames++;
    frames_read++;
    frame_bytes += size;
}

static void send_all(Reader *reader, const char *data, size_t size) {
    ssize_t sent = send(reader->fd, data, size, MSG_NOSIGNAL);
    if (sent != (ssize_t)size) fail("a request was not taken: %s", strerror(errno));
}

/* Send a frame masked with zeros: RFC 6455 asks for a mask, and zeros change nothing. */
static void send_frame(Reader *reader, int opcode, const char *payload, size_t size) {
    static char framed[1 << 17];
    size_t head = size < 126 ? 6 : 8;
    framed[0] = (char)(0x80 | opcode);
    framed[1] = (char)(0x80 | (size < 126 ? size : 126));
    if (size >= 126) {
        framed[2] = (char)(size >> 8);
        framed[3] = (char)size;
    }
    memset(framed + head - 4, 0, 4);
    memcpy(framed + head, payload, size);
    send_all(reader, framed, head + size);
}

static void answer(Reader *reader, int head, const char *payload, size_t size, int64_t now) {
    int opcode = head & 0xf;
    if (opcode == 9)
        send_frame(reader, 10, payload, size);
    else if (opcode == 1 && size == 1 && *payload == '2')
        send_frame(reader, 1, "3", 1); /* engine.io's own ping */
    else if (opcode == 1)
        take(reader, payload, size, head & PACKED, now);
}

/* How many bytes of whole frames there are; each is taken. */
static size_t websocket(Reader *reader, const char *data, size_t size, int64_t now) {
    size_t at = 0;
    while (size - at >= 2) {
        const uint8_t *head = (const uint8_t *)data + at;
        uint64_t payload = head[1] & 0x7f;
        size_t start = payload == 127 ? 10 : payload == 126 ? 4 : 2;
        if (size - at < start) break;
        if (start > 2)
            for (size_t i = 2 + (payload = 0); i < start; i++) payload = payload << 8 | head[i];
        if (size - at - start < payload) break;
        answer(reader, head[0], data + at + start, payload, now);
        at += start + payload;
    }
    return at;
}

/* The same of events; the sizes of chunks are taken for noise before them. */
static size_t event_stream(Reader *reader, const char *data, size_t size, int64_t now) {
    size_t at = 0;
    const char *end;
    while ((end = memmem(data + at, size - at, "\n\n", 2))) {
        size_t whole = (size_t)(end - data) + 2;
        take(reader, data + at, whole - at, 0, now);
        at = whole;
    }
    return at;
}

/* Connections */

static void connect_next(void) {
    Reader *reader = &readers[begun];
    struct sockaddr_in from = {.sin_family = AF_INET}, to = {.sin_family = AF_INET};
    int on = 1, little = 4096;
    reader->is_stalled = begun >= reader_count - stalled_count;
    reader->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (reader->fd < 0) fail("no further socket: %s", strerror(errno));
    setsockopt(reader->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    setsockopt(reader->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    /* With what a socket holds by default, one that is not read is full only after a minute. */
    if (reader->is_stalled)
        setsockopt(reader->fd, SOL_SOCKET, SO_RCVBUF, &little, sizeof little);
    /* One pair of addresses has ports for 28,000 connections. */
    from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + (uint32_t)(begun / A_SOURCE));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons((uint16_t)port);
    if (bind(reader->fd, (struct sockaddr *)&from, sizeof from)) fail("bind: %s", strerror(errno));
    if (connect(reader->fd, (struct sockaddr *)&to, sizeof to) && errno != EINPROGRESS)
        fail("connect: %s", strerror(errno));
    struct epoll_event wanted = {.events = EPOLLOUT, .data.ptr = reader};
    epoll_ctl(poller, EPOLL_CTL_ADD, reader->fd, &wanted);
    begun++;
}

static void ask(Reader *reader) {
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(reader->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error) fail("connect: %s", strerror(error));
    reader->is_connected = 1;
    struct epoll_event wanted = {.events = EPOLLIN, .data.ptr = reader};
    epoll_ctl(poller, EPOLL_CTL_MOD, reader->fd, &wanted);
    send_all(reader, request, request_size);
}

static void subscribe(Reader *reader) {
    for (char *line = messages; *line;) {
        size_t size = strcspn(line, "\n");
        send_frame(reader, 1, line, size);
        line += size + (line[size] == '\n');
    }
}

/* How many bytes the head of the response is; 0 while it is not whole. */
static size_t shake(Reader *reader, const char *data, size_t size) {
    const char *end = memmem(data, size, "\r\n\r\n", 4);
    if (!end) return 0;
    if (memcmp(data + 9, is_websocket ? "101" : "200", 3))
        fail("refused: %.*s", (int)(size < 600 ? size : 600), data);
    reader->is_open = 1;
    opened++;
    return (size_t)(end - data) + 4;
}

static void drop(Reader *reader) {
    close(reader->fd);
    reader->fd = -1;
    lost++;
}

static void hear(Reader *reader) {
    memcpy(buffer, reader->rest, reader->kept);
    ssize_t got = recv(reader->fd, buffer + reader->kept, BUFFER - 64 - reader->kept, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) {
        if (!reader->is_open) fail("a connection was closed before it was answered");
        drop(reader);
        return;
    }
    int64_t now = now_us();
    size_t size = reader->kept + (size_t)got, at = 0;
    bytes_read += (uint64_t)got;
    buffer[size] = 0;
    if (!reader->is_open && !(at = shake(reader, buffer, size)) && size > 65536)
        fail("the head of a response does not end");
    if (reader->is_open)
        at += (is_websocket ? websocket : event_stream)(reader, buffer + at, size - at, now);
    reader->kept = (uint32_t)(size - at);
    free(reader->rest);
    reader->rest = reader->kept ? checked(malloc(reader->kept)) : NULL;
    memcpy(reader->rest, buffer + at, reader->kept);
}

static int turn(int patience_ms) {
    static struct epoll_event found[EVENTS];
    int count = epoll_wait(poller, found, EVENTS, patience_ms), commands = 0;
    for (int i = 0; i < count; i++) {
        Reader *reader = found[i].data.ptr;
        if (!reader)
            commands = 1;
        else if (!reader->is_connected)
            ask(reader);
        else if (reader->fd >= 0)
            hear(reader);
    }
    return count == 0 ? -1 : commands;
}

static void open_all(void) {
    int64_t started = now_us();
    while (opened < reader_count) {
        while (begun < reader_count && begun - opened < IN_FLIGHT) connect_next();
        if (turn(PATIENCE_MS) < 0) fail("%d of %d were answered", opened, reader_count);
    }
    double seconds = (double)(now_us() - started) / 1e6;
    printf("{\"connects_per_s\": %.0f}\n", reader_count / seconds);
}

static void subscribe_all(void) {
    for (int i = 0; i < reader_count; i++) {
        subscribe(&readers[i]);
        if (readers[i].is_stalled) epoll_ctl(poller, EPOLL_CTL_DEL, readers[i].fd, NULL);
        /* The first pictures come meanwhile: none is left in a socket for long. */
        if (i % 64 == 63) turn(0);
    }
}

/* Results */

static int ascending(const void *one, const void *other) {
    uint32_t a = *(const uint32_t *)one, b = *(const uint32_t *)other;
    return (a > b) - (a < b);
}

static double percentile(const Latencies *latencies, double part) {
    if (!latencies->count) return 0;
    size_t at = (size_t)((double)latencies->count * part);
    return latencies->us[at < latencies->count ? at : latencies->count - 1] / 1000.0;
}

static void show(const char *name, Latencies *latencies) {
    if (latencies->count)
        qsort(latencies->us, latencies->count, sizeof *latencies->us, ascending);
    printf("\"%s\": {\"p50_ms\": %.2f, \"p90_ms\": %.2f, \"p99_ms\": %.2f, \"max_ms\": %.2f}, ", name,
           percentile(latencies, .5), percentile(latencies, .9), percentile(latencies, .99),
           percentile(latencies, 1));
}

static void start(void) {
    published.count = events.count = 0;
    bytes_read = frames_read = frame_bytes = 0;
    for (int i = 0; i < reader_count; i++) readers[i].frames = 0;
    is_measuring = 1;
}

static void stop(void) {
    uint32_t fewest = UINT32_MAX, most = 0;
    for (int i = 0; i < reader_count - stalled_count; i++) {
        fewest = readers[i].frames < fewest ? readers[i].frames : fewest;
        most = readers[i].frames > most ? readers[i].frames : most;
    }
    is_measuring = 0;
    printf("{");
    show("published", &published);
    show("event", &events);
    printf("\"frames\": %lu, \"frame_bytes\": %lu, \"bytes\": %lu, ", frames_read,
           frames_read ? frame_bytes / frames_read : 0, bytes_read);
    printf("\"fewest\": %u, \"most\": %u, \"lost\": %d}\n", fewest, most, lost);
}

static void obey(void) {
    char line[256];
    ssize_t size = read(0, line, sizeof line - 1);
    if (size <= 0) exit(0);
    line[size] = 0;
    if (!strcmp(line, "start\n"))
        start();
    else if (!strcmp(line, "stop\n"))
        stop();
    else
        fail("what is `%s`?", line);
}

static void raise_limit(void) {
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    if (files.rlim_max < (rlim_t)reader_count + 16)
        fail("%d readers need as many open files, and %lu are allowed (ulimit -Hn)", reader_count,
             (unsigned long)files.rlim_max);
}

int main(int count, char **given) {
    if (count != 12) fail("see the head of fanout_client.c for what to give");
    port = atoi(given[1]);
    reader_count = atoi(given[2]);
    stalled_count = atoi(given[3]);
    is_websocket = !strcmp(given[4], "ws");
    ready_marker = given[5];
    marker = given[6];
    event_marker = given[7];
    tick_us = atoll(given[8]) * 1000;
    offset_us = atoll(given[9]) * 1000;
    request = file(given[10], &request_size);
    messages = file(given[11], &messages_size);
    for (size_t i = 0; i < messages_size; i++) subscription_count += messages[i] == '\n';
    if (!subscription_count) subscription_count = 1;
    readers = checked(calloc((size_t)reader_count, sizeof *readers));
    setlinebuf(stdout);
    raise_limit();
    poller = epoll_create1(0);
    open_all();
    subscribe_all();
    struct epoll_event commands = {.events = EPOLLIN, .data.ptr = NULL};
    epoll_ctl(poller, EPOLL_CTL_ADD, 0, &commands);
    for (int is_told = 0;;) {
        if (turn(-1) > 0) obey();
        if (!is_told && heard >= reader_count - stalled_count) {
            is_told = 1;
            printf("{\"heard\": %d}\n", heard);
        }
    }
}
