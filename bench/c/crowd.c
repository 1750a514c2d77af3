/* Everybody who talks and listens in many rooms, in one thread. It compares every text that anybody hears with the one
 * that is next from its speaker, which a generator in Python is too slow for.
 *
 *     crowd line|web|irc|redis PORT SILENCE
 *
 * SILENCE is after how many seconds what has not come is lost. On its standard input it is told who is there, and then
 * one thing after the other to do; each of these it answers with a line of JSON. `bench/rooms.py` is the other end.
 *
 *     USERS PUBLISHERS ROOMS VOICES       how many there are
 *     COUNT ROOM...                       for each user: its rooms
 *     USER ROOM                           for each voice: who talks, and where
 *
 *     enter AT_ONCE                       log in, at most so many at the same time
 *     join AT_ONCE                        users ask for their rooms, each for all of its own at once
 *     pace RATE COUNT VOICE...            a text of each of these voices in turn, RATE a second
 *     saturate MILLISECONDS WINDOW COUNT VOICE...
 *                                         each of these voices is WINDOW texts ahead of what its whole room has heard
 *
 * A voice is a user in one of its rooms, and numbers its texts. Publishers are connections that only talk, for those
 * who cannot while they listen. Times are in microseconds.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>

enum {
    SIZE = 64, HEAD = 30,        /* bytes of a text, and of those what is not filling; as in bench/wires.py */
    LONGEST = 1024,              /* bytes of a line, or of what is sent at once */
    MOST_EVENTS = 256,           /* that are looked at between two looks at the clock */
    BURST = 64,                  /* texts that are late, said before anybody listens again */
    SECOND = 1000000,
    PATIENCE = 20 * SECOND,      /* without any progress in coming in */
    LONGEST_ENTRY = 120 * SECOND,
    LONGEST_DRAIN = 30 * SECOND,
    QUIET = 300000,              /* without a byte after which nothing more is expected */
    AFTERMATH = 20000,           /* for what nobody has said */
    BUFFER = 1 << 18,
    SLOWEST = 1 << 22,           /* whatever took longer counts as this long */
    TEXT = 0x81, PING = 0x89, PONG = 0x8A,   /* the first byte of a frame */
};

static const char MASK[] = "\x12\x34\xab\xfe";
static const char UPGRADE[] =
    "GET /chat HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
    "Sec-WebSocket-Protocol: parley.1\r\n\r\n";
static const char UPGRADED[] = "HTTP/1.1 101 ";

typedef struct {
    int number, fd, is_in;
    int is_upgraded;             /* web: is this a WebSocket yet? */
    int is_full;                 /* does it wait until the kernel takes more? */
    int rooms, awaited;          /* how many; how many are not confirmed yet */
    int *room, *place;           /* its rooms, and which of each room's members it is */
    int named;                   /* Redis: the room that stood before the text */
    int held_size, unsent_size, unsent_space;
    char held[LONGEST];          /* the beginning of a line */
    char *unsent;
} Connection;

typedef struct {
    Connection *speaker;
    int user, room, hearers, is_free;
    unsigned said, done;         /* how many texts; how many the whole room has heard */
    unsigned *next;              /* which text each of the room's members hears next */
    int *left;                   /* how many have not heard each text of the window */
} Voice;

typedef struct {
    const char *name;
    int echoes;                  /* does the speaker hear itself? */
    const char *greeting, *join, *speech;                  /* formats for: a user; a room; a room and a text */
    void (*hear)(Connection *, const char *, int);         /* a line, without its end; or what is in a frame */
    int is_framed;               /* is it spoken in WebSocket's frames, and not in lines? */
} Wire;

typedef struct { unsigned count[SLOWEST + 1]; uint64_t total; } Histogram;

static const Wire *wire;
static Connection *connections;
static Voice *voices, **is_free;
static int users, publishers, rooms, voice_count, free_count, *room_size;
static int port, poller, everybody_joined, arrived, joined;
static uint64_t now, silence, last;
static uint64_t texts, expected, deliveries, gaps, doubled, stray, own, odd;
static unsigned window;          /* 0: texts are paced */
static Histogram latency, lateness;
static char buffer[BUFFER + LONGEST], filling[SIZE];

/* ---- Help */

static void fail(const char *format, ...) {
    char why[LONGEST];
    va_list rest;
    va_start(rest, format);
    vsnprintf(why, sizeof why, format, rest);
    va_end(rest);
    for (char *at = why; *at; at++)
        if (*at == '"' || *at == '\\' || (unsigned char)*at < ' ') *at = '?';
    printf("{\"error\": \"%s\"}\n", why);
    exit(1);
}

static void *space(size_t count, size_t size) {
    void *found = calloc(count + 1, size);
    if (!found) fail("out of memory");
    return found;
}

static uint64_t look_at_clock(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return now = time.tv_sec * (uint64_t)SECOND + time.tv_nsec / 1000;
}

static long told(void) {
    long number;
    if (scanf("%ld", &number) != 1) fail("it was not told all");
    return number;
}

static int told_index(int end) {
    long number = told();
    if (number < 0 || number >= end) fail("there is no %ld among %d", number, end);
    return number;
}

static uint64_t digits(const char *at, int count) {
    uint64_t number = 0;
    while (count--) number = number * 10 + (*at++ - '0');
    return number;
}

static void note(Histogram *histogram, uint64_t took) {
    histogram->count[took < SLOWEST ? took : SLOWEST]++;
    histogram->total++;
}

static unsigned quantile(const Histogram *histogram, double part) {
    uint64_t below = part * histogram->total, seen = 0;
    for (unsigned took = 0; took <= SLOWEST; took++)
        if ((seen += histogram->count[took]) > below) return took;
    return 0;
}

/* ---- Sending */

static void watch(Connection *one, int operation) {
    struct epoll_event event = {EPOLLIN | (one->is_full ? EPOLLOUT : 0), {.ptr = one}};
    epoll_ctl(poller, operation, one->fd, &event);
}

static void put_bytes(Connection *one, const char *bytes, int size) {
    if (one->unsent_space < one->unsent_size + size) {
        one->unsent_space = 2 * one->unsent_size + size;
        if (!(one->unsent = realloc(one->unsent, one->unsent_space))) fail("out of memory");
    }
    memcpy(one->unsent + one->unsent_size, bytes, size);
    one->unsent_size += size;
}

/* Less than 64 KiB, masked as all is that comes from clients. */
static void put_frame(Connection *one, unsigned char kind, const char *content, int size) {
    unsigned char head[8] = {kind, size < 126 ? 128 + size : 254, size >> 8, size}, masked[LONGEST];
    int length = size < 126 ? 2 : 4;
    memcpy(head + length, MASK, 4);
    for (int index = 0; index < size; index++) masked[index] = content[index] ^ MASK[index % 4];
    put_bytes(one, (char *)head, length + 4);
    put_bytes(one, (char *)masked, size);
}

static void put(Connection *one, const char *format, ...) {
    char text[LONGEST];
    va_list rest;
    va_start(rest, format);
    int size = vsnprintf(text, sizeof text, format, rest);
    va_end(rest);
    if (wire->is_framed) put_frame(one, TEXT, text, size);
    else put_bytes(one, text, size);
}

static void flush(Connection *one) {
    ssize_t taken = send(one->fd, one->unsent, one->unsent_size, MSG_NOSIGNAL);
    if (taken < 0 && errno != EAGAIN) fail("cannot send: %s", strerror(errno));
    if (taken > 0) memmove(one->unsent, one->unsent + taken, one->unsent_size -= taken);
    if (one->is_full != (one->unsent_size > 0)) {
        one->is_full = !one->is_full;
        watch(one, EPOLL_CTL_MOD);
    }
}

/* One more text; it is not sent yet. */
static void speak(Voice *voice, uint64_t due) {
    char text[SIZE + 1];
    snprintf(text, sizeof text, "=%05d %08u %014llu", (int)(voice - voices), voice->said, (unsigned long long)due);
    memcpy(text + HEAD, filling, SIZE - HEAD);
    text[SIZE] = 0;
    if (window) voice->left[voice->said % window] = voice->hearers;
    voice->said++;
    texts++;
    expected += voice->hearers;
    put(voice->speaker, wire->speech, voice->room, text);
}

/* ---- Hearing */

static int place_in(const Connection *one, int room) {
    for (int index = 0; index < one->rooms; index++)
        if (one->room[index] == room) return one->place[index];
    return -1;
}

/* Somebody hears a text in a room; `from` is who is said to have said it, or -1. */
static void heard(Connection *one, int room, int from, const char *text) {
    unsigned number = digits(text + 7, 8), which = digits(text + 1, 5), *next;
    Voice *voice = &voices[which];
    int place;
    if (which >= (unsigned)voice_count || number >= voice->said || memcmp(text + HEAD, filling, SIZE - HEAD)
        || (from >= 0 && from != voice->user)) {
        odd++;
        return;
    }
    if (room != voice->room || (place = place_in(one, room)) < 0) {
        stray++;
        return;
    }
    if (one->number == voice->user && !wire->echoes) {
        own++;
        return;
    }
    next = &voice->next[place];
    if (number < *next) {
        doubled++;
        return;
    }
    gaps += number - *next;
    *next = number + 1;
    deliveries++;
    last = now;
    note(&latency, now - digits(text + 16, 14));
    if (window && !--voice->left[number % window]) {
        while (voice->done < voice->said && !voice->left[voice->done % window]) voice->done++;
        if (!voice->is_free) is_free[free_count++] = voice;
        voice->is_free = 1;
    }
}

static void confirmed(Connection *one) {
    if (!one->is_in) {
        one->is_in = 1;
        arrived++;
    } else if (one->awaited && !--one->awaited) joined++;
}

static void refused(const char *line, int size) {
    if (!everybody_joined) fail("the server said: %.*s", size, line);
    odd++;
}

static int has_text(const char *line, int size) { return size > SIZE && line[size - SIZE] == '='; }

/* #r0042 MSG u00007 TEXT. Whatever else is about a room tells who comes and goes. */
static void hear_line(Connection *one, const char *line, int size) {
    if (size == 18 + SIZE && *line == '#' && has_text(line, size) && !memcmp(line + 6, " MSG u", 6) && line[17] == ' ')
        heard(one, digits(line + 2, 4), digits(line + 12, 5), line + 18);
    else if (size > SIZE && has_text(line, size)) odd++;
    else if (size == 2 && !memcmp(line, "OK", 2)) confirmed(one);
    else if (*line != '#') refused(line, size);
}

/* :u00007!u@host PRIVMSG #r0042 :TEXT, and numbers, of which the end of a greeting and of a list of names matter. */
static void hear_irc(Connection *one, const char *line, int size) {
    const char *word = memchr(line, ' ', size);
    int code = word && word + 4 < line + size ? digits(word + 1, 3) : 0;
    if (size > SIZE + 25 && has_text(line, size) && !memcmp(line + size - SIZE - 8, "#r", 2))
        heard(one, digits(line + size - SIZE - 6, 4), digits(line + 2, 5), line + size - SIZE);
    else if (size > 5 && !memcmp(line, "PING ", 5)) {
        put(one, "PONG %.*s\r\n", size - 5, line + 5);
        flush(one);
    } else if (one->is_in ? code == 366 : code == 376 || code == 422) confirmed(one);
    else if ((code >= 400 && code < 600) || !memcmp(line, "ERROR", 5)) refused(line, size);
}

/* A line for each part of an answer: message, #r0042 and TEXT; subscribe, #r0042 and a number. */
static void hear_redis(Connection *one, const char *line, int size) {
    if (size == 6 && !memcmp(line, "#r", 2)) one->named = digits(line + 2, 4);
    else if (size == SIZE && *line == '=') heard(one, one->named, -1, line);
    else if (*line == '+' || *line == ':') confirmed(one);
    else if (*line == '-') refused(line, size);
}

static int begins(const char *line, int size, const char *beginning) {
    return size >= (int)strlen(beginning) && !memcmp(line, beginning, strlen(beginning));
}

/* {"on":"said","n":7,"room":"#r0042","by":"u00007","at":1,"text":"TEXT"}, and answers. Others tell who comes and goes. */
static void hear_web(Connection *one, const char *line, int size) {
    if (begins(line, size, "{\"on\":\"said\"")) {
        const char *room = memmem(line, size, "\"room\":\"#r", 10);
        if (!room || room + 28 > line + size || !has_text(line, size - 2)) odd++;
        else heard(one, digits(room + 10, 4), digits(room + 23, 5), line + size - 2 - SIZE);
    } else if (begins(line, size, "{\"on\":\"welcome\"") || begins(line, size, "{\"on\":\"room\"")) confirmed(one);
    else if (begins(line, size, "{\"on\":\"no\"") || begins(line, size, "{\"on\":\"bye\"")) refused(line, size);
}

static const Wire wires[] = {
    {"line", 0, "LOGIN u%05d\n", "JOIN #r%04d\n", "#r%04d MSG %s\n", hear_line, 0},
    {"web", 0, "{\"do\":\"login\",\"name\":\"u%05d\"}", "{\"do\":\"join\",\"room\":\"#r%04d\"}",
     "{\"do\":\"say\",\"room\":\"#r%04d\",\"text\":\"%s\"}", hear_web, 1},
    {"irc", 0, "NICK u%1$05d\r\nUSER u%1$05d 0 * :u\r\n", "JOIN #r%04d\r\n", "PRIVMSG #r%04d :%s\r\n", hear_irc,
     0},
    {"redis", 1, "PING\r\n", "SUBSCRIBE #r%04d\r\n",
     "*3\r\n$7\r\nPUBLISH\r\n$6\r\n#r%04d\r\n$64\r\n%s\r\n", hear_redis, 0},
};

/* The lines from `at` on; where the unfinished one begins. */
static char *hear_lines(Connection *one, char *at, char *end) {
    char *newline;
    while ((newline = memchr(at, '\n', end - at))) {
        int length = newline - at;
        if (length && at[length - 1] == '\r') length--;
        if (length) wire->hear(one, at, length);
        at = newline + 1;
    }
    return at;
}

/* Likewise the frames, before which comes the answer to the upgrade. */
static char *hear_frames(Connection *one, char *at, char *end) {
    if (!one->is_upgraded) {
        char *behind = memmem(at, end - at, "\r\n\r\n", 4);
        if (!behind) return at;
        if (!begins(at, end - at, UPGRADED)) fail("the server said: %.*s", (int)(behind - at), at);
        one->is_upgraded = 1;
        put(one, wire->greeting, one->number);
        flush(one);
        at = behind + 4;
    }
    while (end - at >= 2) {
        unsigned char *head = (unsigned char *)at;
        int size = head[1], length = size < 126 ? 2 : 4;
        if (size > 126) fail("a frame is longer than it can be");
        if (end - at < length) break;
        if (size == 126) size = head[2] << 8 | head[3];
        if (end - at < length + size) break;
        if (*head == TEXT) wire->hear(one, at + length, size);
        else if (*head == PING) {
            put_frame(one, PONG, at + length, size);
            flush(one);
        } else fail("the server has ended a connection: frame %02x", *head);
        at += length + size;
    }
    return at;
}

static void receive(Connection *one) {
    char *at = buffer, *end;
    memcpy(buffer, one->held, one->held_size);
    ssize_t size = recv(one->fd, buffer + one->held_size, BUFFER, 0);
    if (size < 0 && errno == EAGAIN) return;
    if (size <= 0) fail("the server has ended a connection: %s", size ? strerror(errno) : "end of file");
    look_at_clock();
    end = buffer + one->held_size + size;
    at = (wire->is_framed ? hear_frames : hear_lines)(one, at, end);
    one->held_size = end - at;
    if (one->held_size > LONGEST) fail("a line or frame is longer than %d", LONGEST);
    memcpy(one->held, at, one->held_size);
}

/* Whoever hears something within so many microseconds; how many that were. */
static int listen_for(int64_t wait) {
    struct epoll_event events[MOST_EVENTS];
    if (wait > 0) {                                        /* the timeout of epoll is in whole milliseconds */
        struct pollfd any = {poller, POLLIN, 0};
        struct timespec time = {wait / SECOND, wait % SECOND * 1000};
        ppoll(&any, 1, &time, NULL);
    }
    int found = epoll_wait(poller, events, MOST_EVENTS, 0);
    for (int index = 0; index < found; index++) {
        Connection *one = events[index].data.ptr;
        if (events[index].events & EPOLLOUT) flush(one);
        if (events[index].events & ~EPOLLOUT) receive(one);
    }
    return found;
}

/* ---- Coming in */

static void open_connection(Connection *one) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct linger at_once = {1, 0};                        /* or the port would be taken for another minute */
    int yes = 1;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    one->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (one->fd < 0) fail("no socket: %s", strerror(errno));
    setsockopt(one->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    setsockopt(one->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    if (connect(one->fd, (struct sockaddr *)&address, sizeof address) && errno != EINPROGRESS)
        fail("cannot connect: %s", strerror(errno));
    if (wire->is_framed) put_bytes(one, UPGRADE, strlen(UPGRADE));
    else put(one, wire->greeting, one->number);
    one->is_full = 1;                                      /* until it is connected */
    watch(one, EPOLL_CTL_ADD);
}

static void ask_for_rooms(Connection *one) {
    one->awaited = one->rooms;
    if (!one->rooms) joined++;
    for (int index = 0; index < one->rooms; index++) put(one, wire->join, one->room[index]);
    if (one->rooms) flush(one);
}

/* All begin, at most `at_once` before others are done. Answers how long that took, and until nothing more came of it. */
static void all_begin(void (*begin)(Connection *), int count, const int *done, const char *what) {
    uint64_t start = look_at_clock(), moved = start, finished, quiet_since;
    int at_once = told(), begun = 0, before = 0;
    while (*done < count) {
        while (begun < count && begun - *done < at_once) begin(&connections[begun++]);
        listen_for(SECOND / 10);
        look_at_clock();
        if (*done != before) moved = now;
        if (now - moved > PATIENCE || now - start > LONGEST_ENTRY)
            fail("only %d of %d could %s", *done, count, what);
        before = *done;
    }
    finished = quiet_since = look_at_clock();
    while (look_at_clock() - quiet_since < QUIET && now - finished < LONGEST_DRAIN)
        if (listen_for(QUIET / 10)) quiet_since = look_at_clock();
    printf("{\"seconds\": %.6f, \"settled\": %.6f}\n", (finished - start) / 1e6, (quiet_since - start) / 1e6);
}

/* ---- Talking */

static void begin_talk(void) {
    texts = expected = deliveries = gaps = doubled = stray = own = odd = 0;
    memset(&latency, 0, sizeof latency);
    memset(&lateness, 0, sizeof lateness);
    for (Voice *voice = voices; voice < voices + voice_count; voice++) {
        voice->done = voice->said;
        for (int place = 0; place < room_size[voice->room]; place++) voice->next[place] = voice->said;
    }
    last = look_at_clock();
}

/* Wait for what is still missing, and a little for what nobody has said. */
static void end_talk(uint64_t start) {
    uint64_t began = look_at_clock();
    if (last < start) last = start;
    while (deliveries < expected && now - began < LONGEST_DRAIN && now - (last > began ? last : began) < silence) {
        listen_for(AFTERMATH);
        look_at_clock();
    }
    for (began = look_at_clock(); now - began < AFTERMATH; look_at_clock()) listen_for(AFTERMATH / 4);
    window = 0;
    printf("{\"texts\": %llu, \"deliveries\": %llu, \"wall\": %.6f, \"p50\": %u, \"p99\": %u, \"p999\": %u,"
           " \"behind\": %u, \"lost\": %lld, \"gaps\": %llu, \"doubled\": %llu, \"stray\": %llu, \"own\": %llu,"
           " \"odd\": %llu}\n", (unsigned long long)texts, (unsigned long long)deliveries, (last - start) / 1e6,
           quantile(&latency, .5), quantile(&latency, .99), quantile(&latency, .999), quantile(&lateness, .99),
           (long long)(expected - deliveries), (unsigned long long)gaps, (unsigned long long)doubled,
           (unsigned long long)stray, (unsigned long long)own, (unsigned long long)odd);
}

static void pace(void) {
    double rate = told();
    int count = told(), *turns = space(count, sizeof *turns), next = 0;
    uint64_t start, due, latest;
    for (int index = 0; index < count; index++) turns[index] = told_index(voice_count);
    begin_talk();
    start = due = now;
    latest = start + count / rate * SECOND + silence;
    while (next < count && look_at_clock() < latest) {
        for (int burst = 0; next < count && due <= now && burst < BURST; burst++) {
            note(&lateness, now - due);
            speak(&voices[turns[next]], due);
            flush(voices[turns[next++]].speaker);
            due = start + next / rate * SECOND;
        }
        listen_for(next < count ? (int64_t)(due - look_at_clock()) : 0);
    }
    end_talk(start);
    free(turns);
}

static void saturate(void) {
    uint64_t length = told() * (uint64_t)(SECOND / 1000), start;
    window = told();
    int count = told();
    for (int index = 0; index < count; index++) {
        is_free[index] = &voices[told_index(voice_count)];
        free(is_free[index]->left);
        is_free[index]->left = space(window, sizeof(int));
        is_free[index]->is_free = 1;
    }
    begin_talk();
    start = now;
    free_count = count;
    while (look_at_clock() < start + length && now - last < silence) {
        while (free_count) {
            Voice *voice = is_free[--free_count];
            voice->is_free = 0;
            while (voice->said < voice->done + window) speak(voice, now);
            flush(voice->speaker);
        }
        listen_for(SECOND / 50);
    }
    end_talk(start);
}

/* ---- What it is told */

static void read_plan(void) {
    users = told();
    publishers = told();
    rooms = told();
    voice_count = told();
    connections = space(users + publishers, sizeof *connections);
    room_size = space(rooms, sizeof *room_size);
    voices = space(voice_count, sizeof *voices);
    is_free = space(voice_count, sizeof *is_free);
    for (int number = 0; number < users + publishers; number++) {
        Connection *one = &connections[number];
        one->number = number;
        one->rooms = number < users ? told_index(rooms + 1) : 0;
        one->room = space(one->rooms, sizeof(int));
        one->place = space(one->rooms, sizeof(int));
        for (int index = 0; index < one->rooms; index++) {
            one->room[index] = told_index(rooms);
            one->place[index] = room_size[one->room[index]]++;
        }
    }
    for (Voice *voice = voices; voice < voices + voice_count; voice++) {
        voice->user = told_index(users);
        voice->room = told_index(rooms);
        voice->speaker = &connections[publishers ? users + voice->user % publishers : voice->user];
        voice->hearers = room_size[voice->room] - !wire->echoes;
        voice->next = space(room_size[voice->room], sizeof *voice->next);
    }
}

int main(int count, char **arguments) {
    char what[10];
    if (count != 4) fail("usage: crowd line|web|irc|redis PORT SILENCE");
    for (size_t index = 0; index < sizeof wires / sizeof *wires; index++)
        if (!strcmp(wires[index].name, arguments[1])) wire = &wires[index];
    if (!wire) fail("it does not speak %s", arguments[1]);
    port = atoi(arguments[2]);
    silence = atof(arguments[3]) * SECOND;
    memset(filling, 'x', sizeof filling);
    prctl(PR_SET_TIMERSLACK, 1UL);
    poller = epoll_create1(0);
    read_plan();
    while (scanf("%9s", what) == 1) {
        if (!strcmp(what, "enter")) all_begin(open_connection, users + publishers, &arrived, "log in");
        else if (!strcmp(what, "join")) {
            all_begin(ask_for_rooms, users, &joined, "join their rooms");
            everybody_joined = 1;
        } else if (!strcmp(what, "pace")) pace();
        else if (!strcmp(what, "saturate")) saturate();
        else fail("it cannot %s", what);
        fflush(stdout);
    }
    return 0;
}
