// Checks, helpers and misbehaving peers of the C tests.
#include "test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

// --- checks ----------------------------------------------------------------------------------------------------------

void fail(const char *file, int line, const char *what, const char *more) {
    fprintf(stderr, "%s:%d: %s%s%s; last error of this thread: %s\n", file, line, what, more ? ": " : "", more ? more : "",
            onem2m_ws_last_error());
    fflush(stderr);
    _exit(1);
}

void check_number(const char *file, int line, const char *what, long long is, long long expected) {
    char more[200];
    if (is == expected) return;
    snprintf(more, sizeof more, "is %lld (%s), not %lld (%s)", is, onem2m_ws_result_name((int32_t)is), expected,
             onem2m_ws_result_name((int32_t)expected));
    fail(file, line, what, more);
}

void check_text(const char *file, int line, const char *what, onem2m_ws_text is, const char *expected) {
    char more[500];
    if (expected == NULL ? is.data == NULL
                         : is.data != NULL && is.len == strlen(expected) && memcmp(is.data, expected, is.len) == 0)
        return;
    snprintf(more, sizeof more, "is %.*s, not %s", is.data ? (int)is.len : 4, is.data ? is.data : "none",
             expected ? expected : "none");
    fail(file, line, what, more);
}

void check_contains(const char *file, int line, const char *what, const char *text, const char *part) {
    char more[800];
    if (strstr(text, part) != NULL) return;
    snprintf(more, sizeof more, "\"%s\" does not contain \"%s\"", text, part);
    fail(file, line, what, more);
}

void check_hides(const char *file, int line, const char *what, const char *text, const char *secret) {
    if (strstr(text, secret) == NULL) return;
    // The error is said with it once more, for whoever reads the tests.
    fail(file, line, what, "shows what is secret");
}

// --- time and counters -----------------------------------------------------------------------------------------------

struct counter {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    int value;
};

counter *counter_new(void) {
    counter *c = (counter *)calloc(1, sizeof *c);
    pthread_mutex_init(&c->mutex, NULL);
    pthread_cond_init(&c->changed, NULL);
    return c;
}

void counter_add(counter *c) {
    pthread_mutex_lock(&c->mutex);
    c->value++;
    pthread_cond_broadcast(&c->changed);
    pthread_mutex_unlock(&c->mutex);
}

int counter_get(counter *c) {
    int value;
    pthread_mutex_lock(&c->mutex);
    value = c->value;
    pthread_mutex_unlock(&c->mutex);
    return value;
}

void counter_wait(const char *file, int line, counter *c, int at_least) {
    struct timespec deadline;
    int value, late = 0;
    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += 20;
    pthread_mutex_lock(&c->mutex);
    while (c->value < at_least && !late) late = pthread_cond_timedwait(&c->changed, &c->mutex, &deadline) != 0;
    value = c->value;
    pthread_mutex_unlock(&c->mutex);
    if (value < at_least) check_number(file, line, "counted within 20 s", value, at_least);
}

void pause_ms(int milliseconds) {
    struct timespec time;
    time.tv_sec = milliseconds / 1000;
    time.tv_nsec = (milliseconds % 1000) * 1000000L;
    nanosleep(&time, NULL);
}

long long now_ms(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000LL + time.tv_nsec / 1000000;
}

// --- our registrar, clients, requests --------------------------------------------------------------------------------

static onem2m_ws_registrar *the_registrar;
static char the_url[64];

onem2m_ws_registrar *registrar(void) {
    if (the_registrar == NULL) {
        onem2m_ws_registrar_config *config = NULL;
        onem2m_ws_text url;
        OK(onem2m_ws_registrar_config_new(&config));
        OK(onem2m_ws_registrar_config_set_listen(config, "ws://127.0.0.1:0"));
        OK(onem2m_ws_registrar_start(config, &the_registrar));
        onem2m_ws_registrar_config_free(config);
        url = onem2m_ws_registrar_point_of_access(the_registrar, 0);
        CHECK(url.data != NULL && url.len < sizeof the_url);
        memcpy(the_url, url.data, url.len);
    }
    return the_registrar;
}

const char *registrar_url(void) {
    registrar();
    return the_url;
}

onem2m_ws_registrar *start_registrar(onem2m_ws_registrar_config *config, const onem2m_ws_registrar_callbacks *callbacks) {
    onem2m_ws_registrar *r = NULL;
    int32_t result;
    long long end = now_ms() + 20000;
    do {
        result = onem2m_ws_registrar_start_with(config, callbacks, &r);
    } while ((result == ONEM2M_WS_NETWORK || result == ONEM2M_WS_STORAGE) && now_ms() < end && (pause_ms(20), 1));
    OK(result);
    return r;
}

onem2m_ws_registrar *registrar_named(const char *name, const char *url) {
    onem2m_ws_registrar_config *config = NULL;
    onem2m_ws_registrar *r;
    OK(onem2m_ws_registrar_config_new(&config));
    OK(onem2m_ws_registrar_config_set_listen(config, url));
    OK(onem2m_ws_registrar_config_set_cse_name(config, name));
    r = start_registrar(config, NULL);
    onem2m_ws_registrar_config_free(config);
    return r;
}

onem2m_ws_registrar *registrar_at(const char *url) {
    return registrar_named("cse-in", url);
}

const char *path_of(const char *name) {
    static char paths[4][200];
    static int count;
    char *path = paths[count++ % 4];
    const char *folder = getenv("TMPDIR");
    snprintf(path, sizeof paths[0], "%s/onem2m-ws-%ld-%s", folder != NULL ? folder : "/tmp", (long)getpid(), name);
    remove(path);
    return path;
}

static int32_t the_format = ONEM2M_WS_FORMAT_JSON;

void speak(int32_t format) {
    the_format = format;
}

onem2m_ws_client_config *config_for(const char *url, const char *originator) {
    onem2m_ws_client_config *config = NULL;
    OK(onem2m_ws_client_config_new(url, &config));
    OK(onem2m_ws_client_config_set_formats(config, &the_format, 1));
    OK(onem2m_ws_client_config_set_originator(config, originator));
    return config;
}

onem2m_ws_client_config *admin_at(const char *url) {
    onem2m_ws_client_config *config = config_for(url, "CAdmin");
    OK(onem2m_ws_client_config_set_registered(config, true));
    return config;
}

onem2m_ws_client *client_for(const char *originator, const onem2m_ws_callbacks *callbacks) {
    onem2m_ws_client_config *config = config_for(registrar_url(), originator);
    onem2m_ws_client *client = NULL;
    OK(onem2m_ws_client_new(config, callbacks, &client));
    onem2m_ws_client_config_free(config);
    return client;
}

onem2m_ws_client *registered(const char *name, const onem2m_ws_callbacks *callbacks) {
    char originator[32];
    onem2m_ws_client *client;
    snprintf(originator, sizeof originator, "C%s", name);
    client = client_for(originator, callbacks);
    OK(onem2m_ws_client_register_ae(client, NULL, "Ntest", name, NULL, 0));
    return client;
}

onem2m_ws_callbacks callbacks_with(void *user_data) {
    onem2m_ws_callbacks callbacks;
    memset(&callbacks, 0, sizeof callbacks);
    callbacks.struct_size = sizeof callbacks;
    callbacks.user_data = user_data;
    return callbacks;
}

onem2m_ws_request *request_for(int operation, const char *to, int type, const char *content) {
    onem2m_ws_request *request = NULL;
    OK(onem2m_ws_request_new(operation, to, type, content, &request));
    return request;
}

int status_of(onem2m_ws_client *client, onem2m_ws_request *request) {
    onem2m_ws_response *response = NULL;
    int status;
    OK(onem2m_ws_client_send(client, request, 20000, &response));
    status = onem2m_ws_response_status(response);
    onem2m_ws_response_free(response);
    onem2m_ws_request_free(request);
    return status;
}

void create_container(onem2m_ws_client *client, const char *to, const char *name) {
    char content[100];
    snprintf(content, sizeof content, "{\"m2m:cnt\":{\"rn\":\"%s\"}}", name);
    EQUAL(status_of(client, request_for(ONEM2M_WS_CREATE, to, ONEM2M_WS_CONTAINER, content)), 2001);
}

int publish(onem2m_ws_client *client, const char *to, const char *value) {
    char content[100];
    snprintf(content, sizeof content, "{\"m2m:cin\":{\"con\":\"%s\"}}", value);
    return status_of(client, request_for(ONEM2M_WS_CREATE, to, ONEM2M_WS_CONTENT_INSTANCE, content));
}

// --- what happened to a client ---------------------------------------------------------------------------------------

client_log *client_log_new(void) {
    client_log *c = (client_log *)calloc(1, sizeof *c);
    c->called = counter_new();
    c->stated = counter_new();
    return c;
}

void copy_text(char *to, size_t size, onem2m_ws_text from) {
    snprintf(to, size, "%.*s", (int)from.len, from.data != NULL ? from.data : "");
}

static void log_event(void *user_data, const onem2m_ws_event *event) {
    client_log *c = (client_log *)user_data;
    client_event *e = &c->events[counter_get(c->called)];
    CHECK(e < c->events + sizeof c->events / sizeof *c->events);
    e->kind = event->kind;
    e->result = event->result;
    e->until_ms = event->until_ms;
    e->status = event->response != NULL ? (int)onem2m_ws_response_status(event->response) : 0;
    copy_text(e->id, sizeof e->id, event->request_id);
    copy_text(e->entity, sizeof e->entity, event->entity);
    copy_text(e->message, sizeof e->message, event->message);
    if (event->result != 0) {
        CONTAINS(onem2m_ws_last_error(), e->message);
        e->unknown = onem2m_ws_last_error_outcome_unknown();
        if (onem2m_ws_last_error_response() != NULL) e->status = onem2m_ws_response_status(onem2m_ws_last_error_response());
    }
    counter_add(c->called);
}

void log_state(void *user_data, const onem2m_ws_state *state) {
    client_log *c = (client_log *)user_data;
    int at = counter_get(c->stated);
    if (at < 40) c->states[at] = state->state;
    counter_add(c->stated);
}

onem2m_ws_callbacks logs_to(client_log *c) {
    onem2m_ws_callbacks callbacks = callbacks_with(c);
    callbacks.on_event = log_event;
    return callbacks;
}

onem2m_ws_client *new_client(onem2m_ws_client_config *config, const onem2m_ws_callbacks *callbacks) {
    onem2m_ws_client *client = NULL;
    OK(onem2m_ws_client_config_set_reopening(config, 20, 100, 30000));
    OK(onem2m_ws_client_new(config, callbacks, &client));
    onem2m_ws_client_config_free(config);
    return client;
}

// --- peers that misbehave --------------------------------------------------------------------------------------------

static int listener(char *url, size_t size) {
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0 && listen(fd, 16) == 0);
    CHECK(getsockname(fd, (struct sockaddr *)&address, &length) == 0);
    snprintf(url, size, "ws://127.0.0.1:%d", ntohs(address.sin_port));
    return fd;
}

static void start(void *(*run)(void *), void *argument) {
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, run, argument) == 0);
    pthread_detach(thread);
}

typedef struct {
    int fd;
    enum misbehaviour what;
    char url[40];
} bad;

static void say(int fd, const char *text) {
    // The client may be gone already.
    ssize_t sent = send(fd, text, strlen(text), MSG_NOSIGNAL);
    (void)sent;
}

static void *misbehave(void *argument) {
    bad *server = (bad *)argument;
    for (;;) {
        char buffer[4096];
        int fd = accept(server->fd, NULL, NULL);
        if (fd < 0) return NULL;
        if (server->what == STAYS_SILENT) continue; // and stays open
        if (server->what != CLOSES_AT_ONCE && recv(fd, buffer, sizeof buffer, 0) > 0) {
            if (server->what == REFUSES_WITH_403)
                say(fd, "HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nnot this one\n");
            else
                say(fd, "SSH-2.0-OpenSSH_9.2\r\n");
        }
        shutdown(fd, SHUT_WR);
        while (recv(fd, buffer, sizeof buffer, 0) > 0) continue;
        close(fd);
    }
}

char *bad_server(enum misbehaviour what) {
    bad *server = (bad *)calloc(1, sizeof *server);
    char *url = (char *)calloc(1, sizeof server->url);
    server->what = what;
    server->fd = listener(server->url, sizeof server->url);
    memcpy(url, server->url, sizeof server->url);
    start(misbehave, server);
    return url;
}

char *nobody(void) {
    char *url = (char *)calloc(1, 40);
    close(listener(url, 40));
    return url;
}

#define MOST 16

struct proxy {
    int fd, muted, count, is_http, port;
    char url[40], asked[1024];
    int clients[MOST];
    pthread_mutex_t mutex;
};

typedef struct {
    proxy *p;
    int client, server;
} pair;

static int is_muted(proxy *p) {
    int muted;
    pthread_mutex_lock(&p->mutex);
    muted = p->muted;
    pthread_mutex_unlock(&p->mutex);
    return muted;
}

static void *pass(void *argument) {
    pair *both = (pair *)argument;
    int from, to, i;
    for (;;) {
        struct pollfd fds[2];
        fds[0].fd = both->client;
        fds[1].fd = both->server;
        fds[0].events = fds[1].events = POLLIN;
        // A poll that waits keeps a connection open that proxy_reset() has closed: not for long.
        if (poll(fds, 2, 20) < 0) break;
        for (i = 0; i < 2; i++) {
            char buffer[16384];
            ssize_t count;
            if (fds[i].revents == 0) continue;
            from = fds[i].fd;
            to = fds[1 - i].fd;
            count = recv(from, buffer, sizeof buffer, 0);
            if (count <= 0) {
                shutdown(both->server, SHUT_RDWR);
                shutdown(both->client, SHUT_RDWR);
                return NULL;
            }
            if (i == 0 && is_muted(both->p)) continue;
            if (send(to, buffer, (size_t)count, MSG_NOSIGNAL) < 0) continue;
        }
    }
    return NULL;
}

// Reads a CONNECT and answers it; true if a tunnel is to be opened.
static int may_connect(proxy *p, int client) {
    char head[sizeof p->asked];
    size_t length = 0;
    int is_known;
    while (length < 4 || memcmp(head + length - 4, "\r\n\r\n", 4) != 0) {
        if (length == sizeof head - 1 || recv(client, head + length, 1, 0) != 1) return 0;
        length++;
    }
    head[length] = '\0';
    pthread_mutex_lock(&p->mutex);
    memcpy(p->asked, head, length + 1);
    pthread_mutex_unlock(&p->mutex);
    is_known = strstr(head, "\r\nProxy-Authorization: Basic Z2F0ZXdheTpzQGNyZXQ=\r\n") != NULL;
    say(client, is_known ? "HTTP/1.1 200 OK\r\n\r\n"
                         : "HTTP/1.1 407 Who are you\r\nProxy-Authenticate: Basic realm=\"test\"\r\nContent-Length: 9\r\n\r\n"
                           "tell me\r\n");
    return is_known;
}

static void *serve(void *argument) {
    proxy *p = (proxy *)argument;
    for (;;) {
        struct sockaddr_in address;
        pair *both = (pair *)calloc(1, sizeof *both);
        both->p = p;
        both->client = accept(p->fd, NULL, NULL);
        if (both->client < 0) return NULL;
        if (p->is_http && !may_connect(p, both->client)) {
            close(both->client);
            free(both);
            continue;
        }
        both->server = socket(AF_INET, SOCK_STREAM, 0);
        memset(&address, 0, sizeof address);
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        address.sin_port = htons((uint16_t)p->port);
        CHECK(connect(both->server, (struct sockaddr *)&address, sizeof address) == 0);
        pthread_mutex_lock(&p->mutex);
        if (p->count < MOST) p->clients[p->count++] = both->client;
        pthread_mutex_unlock(&p->mutex);
        start(pass, both);
    }
}

static proxy *new_proxy(int is_http, const char *url) {
    proxy *p = (proxy *)calloc(1, sizeof *p);
    pthread_mutex_init(&p->mutex, NULL);
    p->is_http = is_http;
    p->port = atoi(strrchr(url, ':') + 1);
    p->fd = listener(p->url, sizeof p->url);
    start(serve, p);
    return p;
}

proxy *proxy_new(void) {
    return new_proxy(0, registrar_url());
}

proxy *proxy_to(const char *url) {
    return new_proxy(0, url);
}

proxy *http_proxy_new(void) {
    return new_proxy(1, registrar_url());
}

void http_proxy_url(const proxy *p, const char *credentials, char *url, size_t size) {
    snprintf(url, size, "http://%s%s", credentials, strstr(p->url, "//") + 2);
}

const char *http_proxy_asked(const proxy *p) {
    return p->asked;
}

const char *proxy_url(const proxy *p) {
    return p->url;
}

void proxy_mute(proxy *p, int yes) {
    pthread_mutex_lock(&p->mutex);
    p->muted = yes;
    pthread_mutex_unlock(&p->mutex);
}

void proxy_reset(proxy *p) {
    // Closing with SO_LINGER 0 sends RST. The number stays in use: connecting a socket to nowhere has the same effect.
    int i;
    pthread_mutex_lock(&p->mutex);
    for (i = 0; i < p->count; i++) {
        struct linger now;
        int other = socket(AF_INET, SOCK_STREAM, 0);
        now.l_onoff = 1;
        now.l_linger = 0;
        setsockopt(p->clients[i], SOL_SOCKET, SO_LINGER, &now, sizeof now);
        // In one step: the thread that reads from it never sees another file under this number by accident.
        dup2(other, p->clients[i]);
        close(other);
    }
    p->count = 0;
    pthread_mutex_unlock(&p->mutex);
}
