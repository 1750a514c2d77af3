/* The least that a server can do for many rooms: `limit PORT`. One thread, and in each turn of its loop one send for
 * each receiver, of all that it hears. No names are checked, nobody is told who comes and goes, nothing is limited.
 *
 *     LOGIN name          OK
 *     JOIN #room          OK
 *     #room MSG text      to all others in the room: #room MSG name text
 */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LONGEST = 16384, BUFFER = 1 << 16, ROOMS = 1 << 13, MOST_EVENTS = 1024 };

typedef struct { char *bytes; int size, space; } Text;

typedef struct Client {
    int fd, is_full, is_due;
    Text name, held, unsent;     /* held: the beginning of a line */
    int *rooms, joined, space;
    struct Client *next_due;
} Client;

typedef struct { Text name; Client **members; int count, space; } Room;

static Room rooms[ROOMS];        /* by their names: each in the next free place from its hash on */
static Client *due;              /* who hears something in this turn */
static int poller;
static char buffer[LONGEST + BUFFER];

static void *grown(void *array, int *space, int needed, size_t each) {
    if (needed <= *space) return array;
    *space = needed + needed / 2 + 4;
    if (!(array = realloc(array, *space * each))) abort();
    return array;
}

static void append(Text *text, const char *bytes, int size) {
    text->bytes = grown(text->bytes, &text->space, text->size + size, 1);
    memcpy(text->bytes + text->size, bytes, size);
    text->size += size;
}

static void watch(Client *client, int operation) {
    struct epoll_event event = {EPOLLIN | (client->is_full ? EPOLLOUT : 0), {.ptr = client}};
    epoll_ctl(poller, operation, client->fd, &event);
}

static void tell(Client *client, const char *bytes, int size) {
    append(&client->unsent, bytes, size);
    if (client->is_due) return;
    client->is_due = 1;
    client->next_due = due;
    due = client;
}

static void flush(Client *client) {
    ssize_t taken = send(client->fd, client->unsent.bytes, client->unsent.size, MSG_NOSIGNAL);
    if (taken < 0 && errno != EAGAIN) taken = client->unsent.size;    /* it is gone, as its next read tells */
    if (taken > 0) memmove(client->unsent.bytes, client->unsent.bytes + taken, client->unsent.size -= taken);
    if (client->is_full != (client->unsent.size > 0)) {
        client->is_full = !client->is_full;
        watch(client, EPOLL_CTL_MOD);
    }
}

static Room *room_named(const char *name, int size) {
    unsigned at = 0;
    for (int index = 0; index < size; index++) at = at * 31 + (unsigned char)name[index];
    for (;; at++) {
        Room *room = &rooms[at % ROOMS];
        if (!room->name.size) append(&room->name, name, size);
        if (room->name.size == size && !memcmp(room->name.bytes, name, size)) return room;
    }
}

static int is_in(const Client *client, const Room *room) {
    for (int index = 0; index < client->joined; index++)
        if (client->rooms[index] == room - rooms) return 1;
    return 0;
}

static void join(Client *client, Room *room) {
    if (is_in(client, room)) return;
    client->rooms = grown(client->rooms, &client->space, client->joined + 1, sizeof *client->rooms);
    client->rooms[client->joined++] = room - rooms;
    room->members = grown(room->members, &room->space, room->count + 1, sizeof *room->members);
    room->members[room->count++] = client;
}

static void say(const Client *client, const Room *room, const char *text, int size) {
    static Text line;
    line.size = 0;
    append(&line, room->name.bytes, room->name.size);
    append(&line, " MSG ", 5);
    append(&line, client->name.bytes, client->name.size);
    append(&line, text, size);
    for (int index = 0; index < room->count; index++)
        if (room->members[index] != client) tell(room->members[index], line.bytes, line.size);
}

static void leave(Client *client) {
    for (int index = 0; index < client->joined; index++) {
        Room *room = &rooms[client->rooms[index]];
        int place = 0;
        while (room->members[place] != client) place++;
        room->members[place] = room->members[--room->count];
    }
    for (Client **link = &due; *link; link = &(*link)->next_due)
        if (*link == client) {
            *link = client->next_due;
            break;
        }
    close(client->fd);
    free(client->name.bytes);
    free(client->held.bytes);
    free(client->unsent.bytes);
    free(client->rooms);
    free(client);
}

/* `size` includes the end of the line. */
static void obey(Client *client, const char *line, int size) {
    const char *blank = memchr(line, ' ', size);
    if (*line == '#' && blank && size - (blank - line) > 5 && !memcmp(blank, " MSG ", 5)) {
        Room *room = room_named(line, blank - line);
        if (is_in(client, room)) say(client, room, blank + 4, size - (blank + 4 - line));
    } else if (size > 6 && !memcmp(line, "JOIN #", 6)) {
        join(client, room_named(line + 5, size - 6));
        tell(client, "OK\n", 3);
    } else if (size > 6 && !memcmp(line, "LOGIN ", 6) && !client->name.size) {
        append(&client->name, line + 6, size - 7);
        tell(client, "OK\n", 3);
    }
}

static void receive(Client *client) {
    char *at = buffer, *end, *newline;
    if (client->held.size) memcpy(buffer, client->held.bytes, client->held.size);
    ssize_t size = recv(client->fd, buffer + client->held.size, BUFFER, 0);
    if (size < 0 && errno == EAGAIN) return;
    end = buffer + client->held.size + size;
    client->held.size = 0;
    while (size > 0 && (newline = memchr(at, '\n', end - at))) {
        obey(client, at, newline + 1 - at);
        at = newline + 1;
    }
    if (size <= 0 || end - at > LONGEST) leave(client);
    else if (end > at) append(&client->held, at, end - at);
}

static void welcome(int listener) {
    int yes = 1, fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        Client *client = calloc(1, sizeof *client);
        if (!client) abort();
        client->fd = fd;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        watch(client, EPOLL_CTL_ADD);
    }
}

int main(int count, char **arguments) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(count > 1 ? atoi(arguments[1]) : 0)};
    struct epoll_event events[MOST_EVENTS], any = {EPOLLIN, {.ptr = NULL}};
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), yes = 1;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, SOMAXCONN)) {
        perror("limit");
        return 1;
    }
    poller = epoll_create1(0);
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &any);
    for (;;) {
        int found = epoll_wait(poller, events, MOST_EVENTS, -1);
        for (int index = 0; index < found; index++) {
            Client *client = events[index].data.ptr;
            if (!client) {
                welcome(listener);
                continue;
            }
            if (events[index].events & EPOLLOUT) flush(client);
            if (events[index].events & ~EPOLLOUT) receive(client);
        }
        for (; due; due = due->next_due) {
            due->is_due = 0;
            if (!due->is_full) flush(due);
        }
    }
}
