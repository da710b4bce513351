// What a client accepts while there is no connection, and what becomes of it.
#include "test.h"

#include <pthread.h>
#include <time.h>

static onem2m_ws_request *reading(const char *to, const char *value) {
    char content[100];
    snprintf(content, sizeof content, "{\"m2m:cin\":{\"con\":\"%s\"}}", value);
    return request_for(ONEM2M_WS_CREATE, to, ONEM2M_WS_CONTENT_INSTANCE, content);
}

// Posts and frees the request; its rqi, to be freed.
static onem2m_ws_buffer *post(onem2m_ws_client *client, onem2m_ws_request *request) {
    onem2m_ws_buffer *id = NULL;
    OK(onem2m_ws_client_post(client, request, 0, &id));
    onem2m_ws_request_free(request);
    CHECK(id != NULL && onem2m_ws_buffer_view(id).len > 0);
    return id;
}

static onem2m_ws_request *with_id(onem2m_ws_request *request, const char *id) {
    OK(onem2m_ws_request_set_id(request, id));
    return request;
}

static void post_with_id(onem2m_ws_client *client, onem2m_ws_request *request, const char *id) {
    onem2m_ws_buffer *buffer = post(client, with_id(request, id));
    TEXT(onem2m_ws_buffer_view(buffer), id);
    onem2m_ws_buffer_free(buffer);
}

// --- posting ---------------------------------------------------------------------------------------------------------

static void outbox_ws_5_2_8_what_is_posted_is_delivered_when_the_registrar_comes(void) {
    char *url = nobody();
    client_log *c = client_log_new();
    onem2m_ws_callbacks callbacks = logs_to(c);
    onem2m_ws_client *client = new_client(admin_at(url), &callbacks);
    onem2m_ws_registrar *r;
    onem2m_ws_outbox *outbox = NULL;
    onem2m_ws_outbox_entry entry;
    onem2m_ws_buffer *ids[4];
    char value[8];
    long long before = (long long)time(NULL) * 1000;
    int i;

    EQUAL(onem2m_ws_client_outbox_len(client), 0);
    OK(onem2m_ws_client_flush(client, 1000)); // nothing is there
    ids[0] = post(client, request_for(ONEM2M_WS_CREATE, "cse-in", ONEM2M_WS_CONTAINER, "{\"m2m:cnt\":{\"rn\":\"p\"}}"));
    for (i = 1; i < 4; i++) {
        snprintf(value, sizeof value, "%d", i);
        ids[i] = post(client, reading("cse-in/p", value));
    }
    EQUAL(onem2m_ws_client_outbox_len(client), 4);
    EQUAL(onem2m_ws_client_flush(client, 100), ONEM2M_WS_TIMEOUT);

    OK(onem2m_ws_client_outbox(client, &outbox));
    EQUAL(onem2m_ws_outbox_count(outbox), 4);
    for (i = 0; i < 4; i++) {
        onem2m_ws_text id = onem2m_ws_buffer_view(ids[i]);
        entry.struct_size = sizeof entry;
        OK(onem2m_ws_outbox_get(outbox, (size_t)i, &entry));
        CHECK(entry.request_id.len == id.len && memcmp(entry.request_id.data, id.data, id.len) == 0);
        TEXT(entry.to, i == 0 ? "cse-in" : "cse-in/p");
        EQUAL(entry.operation, ONEM2M_WS_CREATE);
        CHECK(entry.expires_ms >= before + 86400000 && entry.expires_ms < before + 86400000 + 60000);
        if (i > 0) EQUAL(entry.attempts, 0);
    }

    r = registrar_at(url);
    OK(onem2m_ws_client_flush(client, 20000));
    WAIT_FOR(c->called, 4);
    for (i = 0; i < 4; i++) {
        EQUAL(c->events[i].kind, ONEM2M_WS_EVENT_DELIVERED);
        EQUAL(c->events[i].result, 0);
        EQUAL(c->events[i].status, 2001);
        EQUAL(c->events[i].until_ms, -1);
        TEXT(onem2m_ws_buffer_view(ids[i]), c->events[i].id); // in the order of the calls
        onem2m_ws_buffer_free(ids[i]);
    }
    EQUAL(onem2m_ws_client_outbox_len(client), 0);
    // What was listed stays as it was.
    EQUAL(onem2m_ws_outbox_count(outbox), 4);
    OK(onem2m_ws_outbox_get(outbox, 3, &entry));
    TEXT(entry.to, "cse-in/p");
    onem2m_ws_outbox_free(outbox);
    // A response that is an error is a response.
    post_with_id(client, reading("cse-in/nowhere", "x"), "r1");
    WAIT_FOR(c->called, 5);
    EQUAL(c->events[4].result, 0);
    EQUAL(c->events[4].status, 4004);
    CHECK(strcmp(c->events[4].id, "r1") == 0);
    OK(onem2m_ws_client_close(client, 10000));
    EQUAL(onem2m_ws_client_post(client, NULL, 0, NULL), ONEM2M_WS_INVALID_ARGUMENT);
    {
        onem2m_ws_request *request = reading("cse-in/p", "x");
        EQUAL(onem2m_ws_client_post(client, request, 0, NULL), ONEM2M_WS_CLOSED);
        EQUAL(onem2m_ws_client_flush(client, 1000), ONEM2M_WS_CLOSED);
        onem2m_ws_request_free(request);
    }
    onem2m_ws_client_free(client);
    onem2m_ws_registrar_free(r);
    free(url);
}

typedef struct {
    int calls, result;
    char ids[4][80];
} posted_ids;

static pthread_t the_thread;

static void note_posted(void *user_data, int32_t result, onem2m_ws_text id) {
    posted_ids *p = (posted_ids *)user_data;
    CHECK(pthread_equal(the_thread, pthread_self()));
    p->result = result;
    if (result != 0) {
        TEXT(id, NULL);
        CHECK(onem2m_ws_last_error()[0] != '\0');
    }
    copy_text(p->ids[p->calls], sizeof p->ids[0], id);
    p->calls++;
}

static void note_flushed(void *user_data, int32_t result, const onem2m_ws_response *response) {
    OK(result);
    CHECK(response == NULL);
    ++*(int *)user_data;
}

static void never_posted(void *user_data, int32_t result, onem2m_ws_text id) {
    (void)user_data;
    (void)result;
    (void)id;
    fail(__FILE__, __LINE__, "called, though it was cancelled", NULL);
}

static void outbox_posting_in_poll_mode(void) {
    client_log *c = client_log_new();
    onem2m_ws_callbacks callbacks = logs_to(c);
    onem2m_ws_client_config *config = admin_at(registrar_url());
    onem2m_ws_client *client;
    onem2m_ws_request *request = request_for(ONEM2M_WS_RETRIEVE, "cse-in", 0, NULL);
    posted_ids p, mine;
    uint64_t call = 0;
    int flushed = 0;
    long long end = now_ms() + 20000;

    memset(&p, 0, sizeof p);
    memset(&mine, 0, sizeof mine);
    the_thread = pthread_self();
    OK(onem2m_ws_client_config_set_poll_mode(config, true));
    OK(onem2m_ws_client_config_set_outbox_bounds(config, 2, 100000));
    client = new_client(config, &callbacks);
    OK(onem2m_ws_client_post_async(client, request, note_posted, &p, NULL));
    OK(onem2m_ws_client_post_async(client, with_id(request, "mine"), note_posted, &mine, &call));
    CHECK(call != 0);
    EQUAL(p.calls + mine.calls, 0); // nothing is called outside of dispatch
    OK(onem2m_ws_client_flush_async(client, note_flushed, &flushed, NULL));
    while (p.calls < 1 || mine.calls < 1 || flushed < 1 || counter_get(c->called) < 2) {
        CHECK(now_ms() < end);
        OK(onem2m_ws_client_dispatch(client, 200));
    }
    EQUAL(p.result, 0);
    EQUAL(mine.result, 0);
    CHECK(strcmp(p.ids[0], c->events[0].id) == 0 && p.ids[0][0] == 'p');
    CHECK(strcmp(mine.ids[0], "mine") == 0 && strcmp(c->events[1].id, "mine") == 0);
    EQUAL(c->events[1].status, 2000);
    EQUAL(onem2m_ws_client_cancel(client, call), ONEM2M_WS_INVALID_STATE);
    // What is refused is told to the callback; cancelling forgets the callback, not the request.
    OK(onem2m_ws_request_set(request, "rqet", "\"20200101T000000\""));
    OK(onem2m_ws_client_post_async(client, request, note_posted, &p, NULL));
    OK(onem2m_ws_request_set(request, "rqet", "null"));
    OK(onem2m_ws_client_post_async(client, request, never_posted, NULL, &call));
    OK(onem2m_ws_client_cancel(client, call));
    while (p.calls < 2 || counter_get(c->called) < 3) {
        CHECK(now_ms() < end);
        OK(onem2m_ws_client_dispatch(client, 200));
    }
    EQUAL(p.result, ONEM2M_WS_TIMEOUT);
    EQUAL(c->events[2].status, 2000);
    onem2m_ws_request_free(request);
    onem2m_ws_client_free(client);
}

static void outbox_what_does_not_fit_is_refused_or_makes_room(void) {
    char *url = nobody();
    int drops;
    for (drops = 0; drops < 2; drops++) {
        client_log *c = client_log_new();
        onem2m_ws_callbacks callbacks = logs_to(c);
        onem2m_ws_client_config *config = admin_at(url);
        onem2m_ws_client *client;
        onem2m_ws_request *request = reading("cse-in", "3");
        OK(onem2m_ws_client_config_set_outbox_bounds(config, 2, 1000000));
        if (drops) OK(onem2m_ws_client_config_set_outbox_when_full(config, ONEM2M_WS_WHEN_FULL_DROP_OLDEST));
        client = new_client(config, &callbacks);
        // Nothing goes out meanwhile.
        OK(onem2m_ws_client_disconnect(client, 5000));
        post_with_id(client, reading("cse-in", "1"), "first");
        post_with_id(client, reading("cse-in", "2"), "second");
        if (drops) {
            OK(onem2m_ws_client_post(client, request, 0, NULL));
            WAIT_FOR(c->called, 1);
            EQUAL(c->events[0].kind, ONEM2M_WS_EVENT_DELIVERED);
            EQUAL(c->events[0].result, ONEM2M_WS_QUEUE_FULL);
            EQUAL(c->events[0].status, 0);
            EQUAL(c->events[0].unknown, 0);
            CONTAINS(c->events[0].message, "newer");
        } else {
            EQUAL(onem2m_ws_client_post(client, request, 0, NULL), ONEM2M_WS_QUEUE_FULL);
            ERROR_SAYS("limits 2 and 1000000");
            CHECK(!onem2m_ws_last_error_outcome_unknown());
        }
        EQUAL(onem2m_ws_client_outbox_len(client), 2);
        // What cannot be delivered any more is told.
        OK(onem2m_ws_client_close(client, 5000));
        WAIT_FOR(c->called, drops + 2);
        EQUAL(c->events[drops].result, ONEM2M_WS_CLOSED);
        onem2m_ws_request_free(request);
        onem2m_ws_client_free(client);
    }
    free(url);
}

static void outbox_what_expires_is_told(void) {
    char *url = nobody();
    client_log *c = client_log_new();
    onem2m_ws_callbacks callbacks = logs_to(c);
    onem2m_ws_client_config *config = admin_at(url);
    onem2m_ws_client *client;
    onem2m_ws_request *request = reading("cse-in", "x");
    OK(onem2m_ws_client_config_set_outbox_lifetime_ms(config, 300));
    client = new_client(config, &callbacks);
    post_with_id(client, reading("cse-in", "x"), "tried"); // waits for a connection
    post_with_id(client, reading("cse-in", "x"), "short");
    WAIT_FOR(c->called, 1);
    EQUAL(c->events[0].kind, ONEM2M_WS_EVENT_DELIVERED);
    EQUAL(c->events[0].result, ONEM2M_WS_TIMEOUT);
    EQUAL(c->events[0].unknown, 0);
    CHECK(strcmp(c->events[0].id, "short") == 0);
    EQUAL(onem2m_ws_client_outbox_len(client), 1);
    // Past already.
    OK(onem2m_ws_request_set(request, "rqet", "\"20200101T000000\""));
    EQUAL(onem2m_ws_client_post(client, request, 0, NULL), ONEM2M_WS_TIMEOUT);
    ERROR_SAYS("has passed");
    OK(onem2m_ws_request_set(request, "rqet", "\"soon\""));
    EQUAL(onem2m_ws_client_post(client, request, 0, NULL), ONEM2M_WS_INVALID_ARGUMENT);
    ERROR_SAYS("soon");
    onem2m_ws_request_free(request);
    onem2m_ws_client_free(client);
    free(url);
}

static void outbox_a_rate_is_kept(void) {
    onem2m_ws_client_config *config = admin_at(registrar_url());
    onem2m_ws_client *client;
    long long before;
    int i;
    OK(onem2m_ws_client_config_set_outbox_rate(config, 10));
    client = new_client(config, NULL);
    OK(onem2m_ws_client_connect(client, 5000));
    before = now_ms();
    for (i = 0; i < 6; i++) onem2m_ws_buffer_free(post(client, request_for(ONEM2M_WS_RETRIEVE, "cse-in", 0, NULL)));
    OK(onem2m_ws_client_flush(client, 20000));
    CHECK(now_ms() - before >= 450); // five times a tenth of a second
    onem2m_ws_client_free(client);
}

static void outbox_ws_5_2_8_a_file_is_delivered_by_the_next_client(void) {
    char *url = nobody();
    const char *path = path_of("outbox");
    client_log *c = client_log_new();
    onem2m_ws_callbacks callbacks = logs_to(c);
    onem2m_ws_client_config *config = admin_at(url);
    onem2m_ws_client *first = NULL, *second = NULL;
    onem2m_ws_registrar *r;
    onem2m_ws_outbox *outbox = NULL;
    onem2m_ws_outbox_entry entry;
    long long end;
    int32_t result;

    OK(onem2m_ws_client_config_set_outbox_file(config, path));
    OK(onem2m_ws_client_config_set_reopening(config, 20, 100, 30000));
    OK(onem2m_ws_client_new(config, NULL, &first));
    post_with_id(first, request_for(ONEM2M_WS_CREATE, "cse-in", ONEM2M_WS_CONTAINER, "{\"m2m:cnt\":{\"rn\":\"p\"}}"), "a");
    post_with_id(first, reading("cse-in/p", "1"), "b");
    post_with_id(first, reading("cse-in/p", "2"), "c");
    EQUAL(onem2m_ws_client_new(config, NULL, &second), ONEM2M_WS_STORAGE); // one at a time
    ERROR_SAYS(path);
    onem2m_ws_client_free(first);

    // The first one's threads may have the file for a moment.
    end = now_ms() + 20000;
    while ((result = onem2m_ws_client_new(config, &callbacks, &second)) == ONEM2M_WS_STORAGE && now_ms() < end) pause_ms(10);
    OK(result);
    EQUAL(onem2m_ws_client_outbox_len(second), 3);
    OK(onem2m_ws_client_outbox(second, &outbox));
    entry.struct_size = sizeof entry;
    OK(onem2m_ws_outbox_get(outbox, 2, &entry));
    TEXT(entry.request_id, "c");
    onem2m_ws_outbox_free(outbox);
    r = registrar_at(url);
    // It is connecting by itself; to ask for that might meet an attempt that began before the registrar was there.
    OK(onem2m_ws_client_flush(second, 20000));
    WAIT_FOR(c->called, 3);
    CHECK(strcmp(c->events[0].id, "a") == 0 && strcmp(c->events[1].id, "b") == 0 && strcmp(c->events[2].id, "c") == 0);
    EQUAL(c->events[2].status, 2001);
    OK(onem2m_ws_client_close(second, 10000));
    onem2m_ws_client_free(second);
    onem2m_ws_client_config_free(config);
    onem2m_ws_registrar_free(r);
    remove(path);
    free(url);
}

// A program that was built before on_event was there has garbage behind its struct, which is not looked at.
static void never_event(void *user_data, const onem2m_ws_event *event) {
    (void)user_data;
    (void)event;
    fail(__FILE__, __LINE__, "called, though the program does not have it", NULL);
}

static void outbox_a_program_without_on_event(void) {
    char *url = nobody();
    onem2m_ws_callbacks callbacks = callbacks_with(NULL);
    onem2m_ws_client *client;
    callbacks.struct_size = offsetof(onem2m_ws_callbacks, on_event);
    callbacks.on_event = never_event;
    client = new_client(admin_at(url), &callbacks);
    onem2m_ws_buffer_free(post(client, reading("cse-in", "x")));
    OK(onem2m_ws_client_close(client, 5000)); // gives it up, which is an event
    onem2m_ws_client_free(client);
    free(url);
}

const test tests_outbox[] = {
    {"outbox_a_program_without_on_event", outbox_a_program_without_on_event},
    {"outbox_ws_5_2_8_what_is_posted_is_delivered_when_the_registrar_comes",
     outbox_ws_5_2_8_what_is_posted_is_delivered_when_the_registrar_comes},
    {"outbox_posting_in_poll_mode", outbox_posting_in_poll_mode},
    {"outbox_what_does_not_fit_is_refused_or_makes_room", outbox_what_does_not_fit_is_refused_or_makes_room},
    {"outbox_what_expires_is_told", outbox_what_expires_is_told},
    {"outbox_a_rate_is_kept", outbox_a_rate_is_kept},
    {"outbox_ws_5_2_8_a_file_is_delivered_by_the_next_client",
     outbox_ws_5_2_8_a_file_is_delivered_by_the_next_client},
    {NULL, NULL},
};
