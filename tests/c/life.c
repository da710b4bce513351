// A client's life: staying connected and registered, what it accepts while there is no connection, and what survives it.
#include "test.h"

#include <math.h>
#include <pthread.h>
#include <time.h>
#include <unistd.h>

// --- what happened ---------------------------------------------------------------------------------------------------

typedef struct {
    int kind, result, status, unknown;
    long long until_ms;
    char id[80], entity[40], message[200];
} seen_event;

typedef struct {
    counter *called;
    seen_event events[40];
    int states[40];
    counter *stated;
    onem2m_ws_client *client;
} context;

static context *context_new(void) {
    context *c = (context *)calloc(1, sizeof *c);
    c->called = counter_new();
    c->stated = counter_new();
    return c;
}

static void copy(char *to, size_t size, onem2m_ws_text from) {
    snprintf(to, size, "%.*s", (int)from.len, from.data != NULL ? from.data : "");
}

static void note_event(void *user_data, const onem2m_ws_event *event) {
    context *c = (context *)user_data;
    seen_event *e = &c->events[counter_get(c->called)];
    CHECK(e < c->events + sizeof c->events / sizeof *c->events);
    e->kind = event->kind;
    e->result = event->result;
    e->until_ms = event->until_ms;
    e->status = event->response != NULL ? (int)onem2m_ws_response_status(event->response) : 0;
    copy(e->id, sizeof e->id, event->request_id);
    copy(e->entity, sizeof e->entity, event->entity);
    copy(e->message, sizeof e->message, event->message);
    if (event->result != 0) {
        CONTAINS(onem2m_ws_last_error(), e->message);
        e->unknown = onem2m_ws_last_error_outcome_unknown();
    }
    counter_add(c->called);
}

static void note_state(void *user_data, const onem2m_ws_state *state) {
    context *c = (context *)user_data;
    int at = counter_get(c->stated);
    if (at < 40) c->states[at] = state->state;
    counter_add(c->stated);
}

static onem2m_ws_callbacks events_to(context *c) {
    onem2m_ws_callbacks callbacks = callbacks_with(c);
    callbacks.on_event = note_event;
    return callbacks;
}

static onem2m_ws_client *new_client(onem2m_ws_client_config *config, const onem2m_ws_callbacks *callbacks) {
    onem2m_ws_client *client = NULL;
    OK(onem2m_ws_client_config_set_reopening(config, 20, 100, 30000));
    OK(onem2m_ws_client_new(config, callbacks, &client));
    onem2m_ws_client_config_free(config);
    return client;
}

// --- registrars that come and go -------------------------------------------------------------------------------------

// Everything that it knew is forgotten.
static onem2m_ws_registrar *restarted(onem2m_ws_registrar *r, const char *url) {
    onem2m_ws_registrar_free(r);
    return registrar_at(url);
}

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

// --- arguments and settings ------------------------------------------------------------------------------------------

static void ignore_posted(void *user_data, int32_t result, onem2m_ws_text id) {
    (void)user_data;
    (void)result;
    (void)id;
}

static void ignore_completion(void *user_data, int32_t result, const onem2m_ws_response *response) {
    (void)user_data;
    (void)result;
    (void)response;
}

static void life_null_is_an_error_everywhere(void) {
    const int32_t bad = ONEM2M_WS_INVALID_ARGUMENT;
    const char *const entries[] = {"* * * * * * *", NULL};
    onem2m_ws_client_config *config = config_for("ws://127.0.0.1:1", "Cx");
    onem2m_ws_client *client = new_client(config_for("ws://127.0.0.1:1", "Cx"), NULL);
    onem2m_ws_request *request = request_for(ONEM2M_WS_RETRIEVE, "a", 0, NULL);
    onem2m_ws_outbox *outbox = NULL;
    onem2m_ws_outbox_entry entry;
    onem2m_ws_buffer *id = NULL;

    EQUAL(onem2m_ws_client_config_set_patient(NULL, true), bad);
    EQUAL(onem2m_ws_client_config_set_reopening(NULL, 1, 1, 1), bad);
    EQUAL(onem2m_ws_client_config_set_repeat(NULL, 0), bad);
    EQUAL(onem2m_ws_client_config_set_keep_registered(NULL, true), bad);
    EQUAL(onem2m_ws_client_config_set_registration_lifetime_ms(NULL, 1000), bad);
    EQUAL(onem2m_ws_client_config_set_state_file(NULL, "a"), bad);
    EQUAL(onem2m_ws_client_config_set_schedule(NULL, entries, 1), bad);
    EQUAL(onem2m_ws_client_config_set_schedule(config, NULL, 1), bad);
    EQUAL(onem2m_ws_client_config_set_schedule(config, entries, 2), bad);
    ERROR_SAYS("`entries` is NULL");
    EQUAL(onem2m_ws_client_config_set_schedule(config, entries, (size_t)-1), bad);
    EQUAL(onem2m_ws_client_config_set_outside_window(NULL, 0), bad);
    EQUAL(onem2m_ws_client_config_set_outbox_bounds(NULL, 1, 1), bad);
    EQUAL(onem2m_ws_client_config_set_outbox_when_full(NULL, 0), bad);
    EQUAL(onem2m_ws_client_config_set_outbox_lifetime_ms(NULL, 1), bad);
    EQUAL(onem2m_ws_client_config_set_outbox_rate(NULL, 1), bad);
    EQUAL(onem2m_ws_client_config_set_outbox_window(NULL, 1), bad);
    EQUAL(onem2m_ws_client_config_set_outbox_repeat(NULL, 0), bad);
    EQUAL(onem2m_ws_client_config_set_outbox_file(NULL, "a"), bad);
    EQUAL(onem2m_ws_client_config_set_state_file(config, "caf\xe9"), bad);
    EQUAL(onem2m_ws_client_config_set_outbox_file(config, "caf\xe9"), bad);
    // NULL and no entries are the defaults.
    OK(onem2m_ws_client_config_set_state_file(config, NULL));
    OK(onem2m_ws_client_config_set_outbox_file(config, NULL));
    OK(onem2m_ws_client_config_set_schedule(config, NULL, 0));

    EQUAL(onem2m_ws_client_post(NULL, request, 1, &id), bad);
    EQUAL(onem2m_ws_client_post(client, NULL, 1, &id), bad);
    ERROR_SAYS("`request` is NULL");
    CHECK(id == NULL);
    EQUAL(onem2m_ws_client_post_async(NULL, request, ignore_posted, NULL, NULL), bad);
    EQUAL(onem2m_ws_client_post_async(client, NULL, ignore_posted, NULL, NULL), bad);
    EQUAL(onem2m_ws_client_post_async(client, request, NULL, NULL, NULL), bad);
    ERROR_SAYS("`posted` is NULL");
    EQUAL(onem2m_ws_client_outbox_len(client), 0);
    EQUAL(onem2m_ws_client_flush(NULL, 1), bad);
    EQUAL(onem2m_ws_client_flush_async(NULL, ignore_completion, NULL, NULL), bad);
    EQUAL(onem2m_ws_client_flush_async(client, NULL, NULL, NULL), bad);
    EQUAL(onem2m_ws_client_outbox_len(NULL), bad);
    EQUAL(onem2m_ws_client_outbox(client, NULL), bad);
    EQUAL(onem2m_ws_client_outbox(NULL, &outbox), bad);
    CHECK(outbox == NULL);
    EQUAL(onem2m_ws_outbox_count(NULL), 0);
    EQUAL(onem2m_ws_outbox_get(NULL, 0, &entry), bad);
    onem2m_ws_outbox_free(NULL);

    // An entry says how large it is, and there are no others.
    OK(onem2m_ws_client_post(client, request, 0, NULL));
    OK(onem2m_ws_client_outbox(client, &outbox));
    EQUAL(onem2m_ws_outbox_count(outbox), 1);
    EQUAL(onem2m_ws_outbox_get(outbox, 0, NULL), bad);
    entry.struct_size = 0;
    EQUAL(onem2m_ws_outbox_get(outbox, 0, &entry), bad);
    ERROR_SAYS("entry.struct_size is 0");
    entry.struct_size = sizeof entry;
    EQUAL(onem2m_ws_outbox_get(outbox, 1, &entry), bad);
    ERROR_SAYS("`index` is 1; there are 1");
    memset(&entry, 0x55, sizeof entry);
    entry.struct_size = offsetof(onem2m_ws_outbox_entry, to); // an older program
    OK(onem2m_ws_outbox_get(outbox, 0, &entry));
    CHECK(entry.request_id.len > 0 && entry.attempts == 0x55555555);
    onem2m_ws_outbox_free(outbox);
    onem2m_ws_request_free(request);
    onem2m_ws_client_free(client);
    onem2m_ws_client_config_free(config);
}

static void life_settings_have_ranges_and_are_named_by_their_errors(void) {
    const char *const refused[][2] = {
        {"{\"repeat\":\"often\"}", "often"},
        {"{\"outbox_repeat\":\"x\"}", "`idempotent`"},
        {"{\"outbox_when_full\":\"DropOldest\"}", "drop_oldest"},
        {"{\"outside_window\":\"shut\"}", "shut"},
        {"{\"schedule\":7}", "a text, or a list of texts"},
        {"{\"outbox_requests\":-1}", "-1"},
        {"{\"patient\":1}", "boolean"},
    };
    const char *const out_of_range[][2] = {
        {"{\"outbox_requests\":0}", "outbox: requests"},
        {"{\"outbox_requests\":1000001}", "outbox: requests"},
        {"{\"outbox_window\":0}", "outbox: window"},
        {"{\"outbox_window\":257}", "outbox: window"},
        {"{\"outbox_lifetime_ms\":0}", "outbox: lifetime"},
        {"{\"outbox_lifetime_ms\":31536000001}", "outbox: lifetime"},
        {"{\"outbox_rate\":-0.5}", "outbox: rate"},
        {"{\"registration_lifetime_ms\":999}", "registration_lifetime 999"},
        {"{\"registration_lifetime_ms\":31536000001}", "registration_lifetime"},
        {"{\"schedule\":\"* 0-75 2 * * * *\"}", "schedule: schedule entry 1, minute: 75"},
        {"{\"schedule\":[\"* * * * * *\",\"x * * * * *\"]}", "entry 2"},
    };
    const char *const in_range[] = {
        "{\"outbox_requests\":1,\"outbox_window\":1,\"outbox_lifetime_ms\":1,\"outbox_rate\":0.001,\"outbox_bytes\":0,"
        "\"registration_lifetime_ms\":1000,\"schedule\":\"* * * * * *\",\"outside_window\":\"hold\"}",
        "{\"outbox_requests\":1000000,\"outbox_window\":256,\"outbox_lifetime_ms\":31536000000,\"outbox_rate\":0,"
        "\"registration_lifetime_ms\":31536000000,\"schedule\":[\"* * * * * *\",\"* * * * * * 2001\"]}",
        "{\"registration_lifetime_ms\":0,\"patient\":true,\"keep_registered\":false,\"repeat\":\"idempotent\","
        "\"outbox_repeat\":\"never\",\"outbox_when_full\":\"drop_oldest\",\"outside_window\":\"open\",\"schedule\":[]}",
    };
    onem2m_ws_client_config *config = config_for("ws://127.0.0.1:1", "Cx");
    onem2m_ws_client *client = NULL;
    size_t i;
    for (i = 0; i < sizeof refused / sizeof *refused; i++) {
        EQUAL(onem2m_ws_client_config_load_json(config, refused[i][0]), ONEM2M_WS_INVALID_ARGUMENT);
        ERROR_SAYS(refused[i][1]);
    }
    for (i = 0; i < sizeof out_of_range / sizeof *out_of_range; i++) {
        onem2m_ws_client_config *other = config_for("ws://127.0.0.1:1", "Cx");
        OK(onem2m_ws_client_config_load_json(other, out_of_range[i][0]));
        EQUAL(onem2m_ws_client_new(other, NULL, &client), ONEM2M_WS_INVALID_ARGUMENT);
        ERROR_SAYS(out_of_range[i][1]);
        CHECK(client == NULL);
        onem2m_ws_client_config_free(other);
    }
    for (i = 0; i < sizeof in_range / sizeof *in_range; i++) {
        onem2m_ws_client_config *other = config_for("ws://127.0.0.1:1", "Cx");
        OK(onem2m_ws_client_config_load_json(other, in_range[i]));
        OK(onem2m_ws_client_new(other, NULL, &client));
        onem2m_ws_client_free(client);
        onem2m_ws_client_config_free(other);
    }
    // Numbers of enumerations, from one edge to the other.
    EQUAL(onem2m_ws_client_config_set_repeat(config, -1), ONEM2M_WS_INVALID_ARGUMENT);
    EQUAL(onem2m_ws_client_config_set_repeat(config, 4), ONEM2M_WS_INVALID_ARGUMENT);
    ERROR_SAYS("`repeat` is 4; there are 0 (never), 1 (retrieve), 2 (idempotent), 3 (all)");
    EQUAL(onem2m_ws_client_config_set_outbox_repeat(config, 4), ONEM2M_WS_INVALID_ARGUMENT);
    EQUAL(onem2m_ws_client_config_set_outbox_when_full(config, 2), ONEM2M_WS_INVALID_ARGUMENT);
    EQUAL(onem2m_ws_client_config_set_outside_window(config, 2), ONEM2M_WS_INVALID_ARGUMENT);
    EQUAL(onem2m_ws_client_config_set_outbox_rate(config, NAN), ONEM2M_WS_INVALID_ARGUMENT);
    EQUAL(onem2m_ws_client_config_set_outbox_rate(config, INFINITY), ONEM2M_WS_INVALID_ARGUMENT);
    ERROR_SAYS("outbox_rate inf");
    OK(onem2m_ws_client_config_set_repeat(config, ONEM2M_WS_REPEAT_ALL));
    OK(onem2m_ws_client_config_set_outbox_repeat(config, ONEM2M_WS_REPEAT_RETRIEVE));
    OK(onem2m_ws_client_config_set_outbox_when_full(config, ONEM2M_WS_WHEN_FULL_DROP_OLDEST));
    OK(onem2m_ws_client_config_set_outside_window(config, ONEM2M_WS_OUTSIDE_WINDOW_HOLD));
    OK(onem2m_ws_client_config_set_outbox_rate(config, 1000000));
    OK(onem2m_ws_client_config_set_outbox_window(config, 256));
    OK(onem2m_ws_client_config_set_outbox_lifetime_ms(config, 31536000000u));
    OK(onem2m_ws_client_config_set_registration_lifetime_ms(config, 31536000000u));
    OK(onem2m_ws_client_new(config, NULL, &client));
    onem2m_ws_client_free(client);
    // Files that cannot be.
    OK(onem2m_ws_client_config_set_state_file(config, "/no/such/folder/state"));
    EQUAL(onem2m_ws_client_new(config, NULL, &client), ONEM2M_WS_STORAGE);
    ERROR_SAYS("/no/such/folder/state");
    OK(onem2m_ws_client_config_set_state_file(config, NULL));
    OK(onem2m_ws_client_config_set_outbox_file(config, "/no/such/folder/outbox"));
    EQUAL(onem2m_ws_client_new(config, NULL, &client), ONEM2M_WS_STORAGE);
    ERROR_SAYS("/no/such/folder/outbox");
    onem2m_ws_client_config_free(config);
}

// A program that was built before on_event was there has garbage behind its struct, which is not looked at.
static void never_event(void *user_data, const onem2m_ws_event *event) {
    (void)user_data;
    (void)event;
    fail(__FILE__, __LINE__, "called, though the program does not have it", NULL);
}

static void life_a_program_without_on_event(void) {
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

// --- posting ---------------------------------------------------------------------------------------------------------

static void life_ws_5_2_8_what_is_posted_is_delivered_when_the_registrar_comes(void) {
    char *url = nobody();
    context *c = context_new();
    onem2m_ws_callbacks callbacks = events_to(c);
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
    copy(p->ids[p->calls], sizeof p->ids[0], id);
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

static void life_posting_in_poll_mode(void) {
    context *c = context_new();
    onem2m_ws_callbacks callbacks = events_to(c);
    onem2m_ws_client_config *config = admin_at(registrar_url());
    onem2m_ws_client *client;
    onem2m_ws_request *request = request_for(ONEM2M_WS_RETRIEVE, "cse-in", 0, NULL);
    posted_ids p;
    uint64_t call = 0;
    int flushed = 0;
    long long end = now_ms() + 20000;

    memset(&p, 0, sizeof p);
    the_thread = pthread_self();
    OK(onem2m_ws_client_config_set_poll_mode(config, true));
    OK(onem2m_ws_client_config_set_outbox_bounds(config, 2, 100000));
    client = new_client(config, &callbacks);
    OK(onem2m_ws_client_post_async(client, request, note_posted, &p, NULL));
    OK(onem2m_ws_client_post_async(client, with_id(request, "mine"), note_posted, &p, &call));
    CHECK(call != 0);
    EQUAL(p.calls, 0); // nothing is called outside of dispatch
    OK(onem2m_ws_client_flush_async(client, note_flushed, &flushed, NULL));
    while (p.calls < 2 || flushed < 1 || counter_get(c->called) < 2) {
        CHECK(now_ms() < end);
        OK(onem2m_ws_client_dispatch(client, 200));
    }
    EQUAL(p.result, 0);
    CHECK(strcmp(p.ids[0], c->events[0].id) == 0 && p.ids[0][0] == 'p');
    CHECK(strcmp(p.ids[1], "mine") == 0 && strcmp(c->events[1].id, "mine") == 0);
    EQUAL(c->events[1].status, 2000);
    EQUAL(onem2m_ws_client_cancel(client, call), ONEM2M_WS_INVALID_STATE);
    // What is refused is told to the callback; cancelling forgets the callback, not the request.
    OK(onem2m_ws_request_set(request, "rqet", "\"20200101T000000\""));
    OK(onem2m_ws_client_post_async(client, request, note_posted, &p, NULL));
    OK(onem2m_ws_request_set(request, "rqet", "null"));
    OK(onem2m_ws_client_post_async(client, request, never_posted, NULL, &call));
    OK(onem2m_ws_client_cancel(client, call));
    while (p.calls < 3 || counter_get(c->called) < 3) {
        CHECK(now_ms() < end);
        OK(onem2m_ws_client_dispatch(client, 200));
    }
    EQUAL(p.result, ONEM2M_WS_TIMEOUT);
    EQUAL(c->events[2].status, 2000);
    onem2m_ws_request_free(request);
    onem2m_ws_client_free(client);
}

static void life_what_does_not_fit_is_refused_or_makes_room(void) {
    char *url = nobody();
    int drops;
    for (drops = 0; drops < 2; drops++) {
        context *c = context_new();
        onem2m_ws_callbacks callbacks = events_to(c);
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

static void life_what_expires_is_told(void) {
    char *url = nobody();
    context *c = context_new();
    onem2m_ws_callbacks callbacks = events_to(c);
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

static void life_a_rate_is_kept(void) {
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

static void life_ws_5_2_8_an_outbox_file_is_delivered_by_the_next_client(void) {
    char *url = nobody();
    const char *path = path_of("outbox");
    context *c = context_new();
    onem2m_ws_callbacks callbacks = events_to(c);
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
    OK(onem2m_ws_client_connect(second, 10000));
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

// --- outcomes --------------------------------------------------------------------------------------------------------

static void expects_lost(void *user_data, int32_t result, const onem2m_ws_response *response) {
    EQUAL(result, ONEM2M_WS_CONNECTION_LOST);
    CHECK(response == NULL);
    CHECK(onem2m_ws_last_error_outcome_unknown());
    counter_add((counter *)user_data);
}

static void expects_2000(void *user_data, int32_t result, const onem2m_ws_response *response) {
    OK(result);
    EQUAL(onem2m_ws_response_status(response), 2000);
    counter_add((counter *)user_data);
}

static void life_an_outcome_may_be_unknown_or_the_request_is_repeated(void) {
    int repeats;
    CHECK(!onem2m_ws_last_error_outcome_unknown()); // there was no error yet
    for (repeats = 0; repeats < 2; repeats++) {
        proxy *p = proxy_new();
        counter *done = counter_new();
        onem2m_ws_client_config *config = admin_at(proxy_url(p));
        onem2m_ws_client *client;
        onem2m_ws_request *request = request_for(ONEM2M_WS_RETRIEVE, "cse-in", 0, NULL);
        onem2m_ws_counters counters;
        if (repeats) OK(onem2m_ws_client_config_set_repeat(config, ONEM2M_WS_REPEAT_RETRIEVE));
        client = new_client(config, NULL);
        OK(onem2m_ws_client_connect(client, 5000));
        proxy_mute(p, 1);
        EQUAL(onem2m_ws_client_send(client, request, 100, NULL), ONEM2M_WS_TIMEOUT);
        CHECK(onem2m_ws_last_error_outcome_unknown());
        OK(onem2m_ws_client_send_async(client, request, repeats ? expects_2000 : expects_lost, done, NULL));
        pause_ms(100); // it is on the wire
        proxy_mute(p, 0);
        proxy_reset(p);
        WAIT_FOR(done, 1);
        counters.struct_size = sizeof counters;
        OK(onem2m_ws_client_counters(client, &counters));
        EQUAL(counters.repeated, repeats);
        onem2m_ws_request_free(request);
        onem2m_ws_client_free(client);
    }
    {
        onem2m_ws_client *client = client_for("Cunregistered", NULL);
        onem2m_ws_request *request = request_for(ONEM2M_WS_RETRIEVE, "cse-in", 0, NULL);
        EQUAL(onem2m_ws_client_send(client, request, 0, NULL), ONEM2M_WS_NOT_REGISTERED);
        CHECK(!onem2m_ws_last_error_outcome_unknown());
        onem2m_ws_request_free(request);
        onem2m_ws_client_free(client);
    }
}

// --- staying registered ----------------------------------------------------------------------------------------------

static void life_states_tell_registered_and_closing(void) {
    context *c = context_new();
    onem2m_ws_callbacks callbacks = events_to(c);
    const int expected[] = {ONEM2M_WS_CONNECTING, ONEM2M_WS_OPEN, ONEM2M_WS_REGISTERED, ONEM2M_WS_CLOSING,
                            ONEM2M_WS_CLIENT_CLOSED};
    onem2m_ws_client *client;
    callbacks.on_state = note_state;
    client = registered("staged", &callbacks);
    EQUAL(onem2m_ws_client_state(client), ONEM2M_WS_REGISTERED);
    OK(onem2m_ws_client_close(client, 10000));
    WAIT_FOR(c->stated, 5);
    onem2m_ws_client_free(client);
    CHECK(memcmp(c->states, expected, sizeof expected) == 0);
}

static void life_ws_5_2_9_a_state_file_carries_the_registration_on(void) {
    char *url = nobody();
    const char *path = path_of("state");
    onem2m_ws_registrar *r = registrar_at(url);
    context *c = context_new();
    onem2m_ws_callbacks callbacks = events_to(c);
    char first[40] = "", second[40] = "";
    int run;
    for (run = 0; run < 2; run++) {
        // The registrar makes the AE-ID, and a second registration would have another.
        onem2m_ws_client_config *config = config_for(url, "C");
        onem2m_ws_client *client;
        onem2m_ws_request *request;
        OK(onem2m_ws_client_config_set_state_file(config, path));
        client = new_client(config, &callbacks);
        OK(onem2m_ws_client_register_ae(client, NULL, "Ntest", NULL, NULL, 10000));
        OK(onem2m_ws_client_entity(client, run == 0 ? first : second, sizeof first, NULL));
        if (run == 0) {
            OK(onem2m_ws_client_close(client, 10000));
        } else {
            request = request_for(ONEM2M_WS_RETRIEVE, "cse-in", 0, NULL);
            EQUAL(status_of(client, request), 2000);
        }
        onem2m_ws_client_free(client);
    }
    CHECK(first[0] == 'C' && strcmp(first, second) == 0);
    {
        // It is for one entity at one registrar.
        onem2m_ws_client_config *config = config_for("ws://127.0.0.1:1", "C");
        onem2m_ws_client *client = NULL;
        OK(onem2m_ws_client_config_set_state_file(config, path));
        EQUAL(onem2m_ws_client_new(config, NULL, &client), ONEM2M_WS_STORAGE);
        ERROR_SAYS("127.0.0.1:1");
        onem2m_ws_client_config_free(config);
        config = config_for(url, "Cother");
        OK(onem2m_ws_client_config_set_state_file(config, path));
        EQUAL(onem2m_ws_client_new(config, NULL, &client), ONEM2M_WS_STORAGE);
        ERROR_SAYS("\"Cother\"");
        onem2m_ws_client_config_free(config);
    }
    onem2m_ws_registrar_free(r);
    remove(path);
    free(url);
}

// The first event of this kind, which is waited for.
static const seen_event *event_of(context *c, int kind) {
    long long end = now_ms() + 20000;
    for (;;) {
        int i, count = counter_get(c->called);
        for (i = 0; i < count; i++)
            if (c->events[i].kind == kind) return &c->events[i];
        if (now_ms() > end) EQUAL(-1, kind); // it did not come
        pause_ms(10);
    }
}

static void life_ws_6_4_4_a_registration_is_confirmed_renewed_and_made_again(void) {
    char *url = nobody();
    onem2m_ws_registrar *r = registrar_at(url);
    context *c = context_new();
    onem2m_ws_callbacks callbacks = events_to(c);
    onem2m_ws_client_config *config = config_for(url, "Ckept");
    onem2m_ws_client *client;
    long long now = (long long)time(NULL) * 1000;
    const seen_event *e;

    OK(onem2m_ws_client_config_set_registration_lifetime_ms(config, 4000));
    client = new_client(config, &callbacks);
    OK(onem2m_ws_client_register_ae(client, NULL, "Ntest", "kept", NULL, 10000));
    OK(onem2m_ws_client_disconnect(client, 5000));
    OK(onem2m_ws_client_connect(client, 5000));
    e = event_of(c, ONEM2M_WS_EVENT_REGISTRATION_CONFIRMED);
    EQUAL(e->result, 0);
    CHECK(e->until_ms > now && e->until_ms <= now + 10000);
    e = event_of(c, ONEM2M_WS_EVENT_REGISTRATION_RENEWED);
    CHECK(e->until_ms > now + 4000 && e->until_ms < now + 30000);
    r = restarted(r, url);
    e = event_of(c, ONEM2M_WS_EVENT_REGISTERED_AGAIN);
    CHECK(strcmp(e->entity, "Ckept") == 0);
    CHECK(e->id[0] == '\0' && e->message[0] == '\0');
    EQUAL(status_of(client, request_for(ONEM2M_WS_RETRIEVE, "cse-in/kept", 0, NULL)), 2000);
    onem2m_ws_client_free(client);
    onem2m_ws_registrar_free(r);
    free(url);
}

static void life_a_registration_that_cannot_be_made_again_is_told(void) {
    char *url = nobody();
    onem2m_ws_registrar *r = registrar_at(url);
    context *c = context_new();
    onem2m_ws_callbacks callbacks = events_to(c);
    onem2m_ws_client *client = new_client(config_for(url, "Cfirst"), &callbacks);
    const seen_event *e;
    OK(onem2m_ws_client_register_ae(client, "cse-in", "Ntest", "place", NULL, 10000));
    OK(onem2m_ws_client_disconnect(client, 5000)); // it stays away
    onem2m_ws_registrar_free(r);
    r = registrar_named("cse-other", url); // nothing can be created there below "cse-in"
    OK(onem2m_ws_client_connect(client, 5000));
    e = event_of(c, ONEM2M_WS_EVENT_REGISTRATION_FAILED);
    EQUAL(e->result, ONEM2M_WS_REGISTRATION_REFUSED);
    CONTAINS(e->message, "4103");
    EQUAL(e->until_ms, -1);
    onem2m_ws_client_free(client);
    onem2m_ws_registrar_free(r);
    free(url);
}

static void life_a_registration_that_is_not_kept_is_not_asked_for(void) {
    char *url = nobody();
    onem2m_ws_registrar *r = registrar_at(url);
    context *c = context_new();
    onem2m_ws_callbacks callbacks = events_to(c);
    onem2m_ws_client_config *config = config_for(url, "Cunkept");
    onem2m_ws_client *client;
    OK(onem2m_ws_client_config_set_keep_registered(config, false));
    client = new_client(config, &callbacks);
    OK(onem2m_ws_client_register_ae(client, NULL, "Ntest", "unkept", NULL, 10000));
    OK(onem2m_ws_client_disconnect(client, 5000));
    r = restarted(r, url);
    OK(onem2m_ws_client_connect(client, 5000));
    EQUAL(status_of(client, request_for(ONEM2M_WS_RETRIEVE, "cse-in/unkept", 0, NULL)), 4103);
    pause_ms(200);
    EQUAL(counter_get(c->called), 0);
    onem2m_ws_client_free(client);
    onem2m_ws_registrar_free(r);
    free(url);
}

// --- opening ---------------------------------------------------------------------------------------------------------

static void *starts_later(void *url) {
    pause_ms(300);
    return registrar_at((const char *)url);
}

static void life_a_patient_client_waits_for_its_registrar(void) {
    char *url = nobody();
    onem2m_ws_client_config *config = admin_at(url);
    onem2m_ws_client *client = NULL;
    pthread_t thread;
    void *r = NULL;
    OK(onem2m_ws_client_new(config, NULL, &client));
    EQUAL(onem2m_ws_client_connect(client, 5000), ONEM2M_WS_CONNECTION_REFUSED); // at once
    onem2m_ws_client_free(client);
    OK(onem2m_ws_client_config_set_patient(config, true));
    client = new_client(config, NULL);
    EQUAL(onem2m_ws_client_connect(client, 100), ONEM2M_WS_TIMEOUT);
    CHECK(pthread_create(&thread, NULL, starts_later, url) == 0);
    OK(onem2m_ws_client_connect(client, 20000));
    pthread_join(thread, &r);
    EQUAL(status_of(client, request_for(ONEM2M_WS_RETRIEVE, "cse-in", 0, NULL)), 2000);
    onem2m_ws_client_free(client);
    onem2m_ws_registrar_free((onem2m_ws_registrar *)r);
    free(url);
}

static void life_ws_5_2_7_a_schedule_keeps_the_client_away(void) {
    const char *const past[] = {"* * * * * * 2001"}, *const always[] = {"* * * * * *", "0 0 0 1 1 * 2030"};
    onem2m_ws_client_config *config = admin_at(registrar_url());
    onem2m_ws_client *client = NULL;
    onem2m_ws_request *request = request_for(ONEM2M_WS_RETRIEVE, "cse-in", 0, NULL);
    long long end = now_ms() + 20000;
    // It waits for a time that never comes.
    OK(onem2m_ws_client_config_set_schedule(config, past, 1));
    OK(onem2m_ws_client_config_set_outside_window(config, ONEM2M_WS_OUTSIDE_WINDOW_HOLD));
    OK(onem2m_ws_client_new(config, NULL, &client));
    EQUAL(onem2m_ws_client_send(client, request, 300, NULL), ONEM2M_WS_TIMEOUT);
    EQUAL(onem2m_ws_client_state(client), ONEM2M_WS_DISCONNECTED);
    onem2m_ws_client_free(client);
    // It opens the connection, which is closed when nothing is pending.
    OK(onem2m_ws_client_config_set_outside_window(config, ONEM2M_WS_OUTSIDE_WINDOW_OPEN));
    OK(onem2m_ws_client_new(config, NULL, &client));
    OK(onem2m_ws_client_send(client, request, 10000, NULL));
    while (onem2m_ws_client_state(client) != ONEM2M_WS_DISCONNECTED) {
        CHECK(now_ms() < end);
        pause_ms(10);
    }
    onem2m_ws_client_free(client);
    // It is reachable now, and opens the connection by itself.
    OK(onem2m_ws_client_config_set_schedule(config, always, 2));
    OK(onem2m_ws_client_config_set_outside_window(config, ONEM2M_WS_OUTSIDE_WINDOW_HOLD));
    OK(onem2m_ws_client_new(config, NULL, &client));
    while (onem2m_ws_client_state(client) != ONEM2M_WS_REGISTERED) {
        CHECK(now_ms() < end);
        pause_ms(10);
    }
    onem2m_ws_request_free(request);
    onem2m_ws_client_free(client);
    onem2m_ws_client_config_free(config);
}

const test tests_life[] = {
    {"life_null_is_an_error_everywhere", life_null_is_an_error_everywhere},
    {"life_settings_have_ranges_and_are_named_by_their_errors", life_settings_have_ranges_and_are_named_by_their_errors},
    {"life_a_program_without_on_event", life_a_program_without_on_event},
    {"life_ws_5_2_8_what_is_posted_is_delivered_when_the_registrar_comes",
     life_ws_5_2_8_what_is_posted_is_delivered_when_the_registrar_comes},
    {"life_posting_in_poll_mode", life_posting_in_poll_mode},
    {"life_what_does_not_fit_is_refused_or_makes_room", life_what_does_not_fit_is_refused_or_makes_room},
    {"life_what_expires_is_told", life_what_expires_is_told},
    {"life_a_rate_is_kept", life_a_rate_is_kept},
    {"life_ws_5_2_8_an_outbox_file_is_delivered_by_the_next_client",
     life_ws_5_2_8_an_outbox_file_is_delivered_by_the_next_client},
    {"life_an_outcome_may_be_unknown_or_the_request_is_repeated",
     life_an_outcome_may_be_unknown_or_the_request_is_repeated},
    {"life_states_tell_registered_and_closing", life_states_tell_registered_and_closing},
    {"life_ws_5_2_9_a_state_file_carries_the_registration_on", life_ws_5_2_9_a_state_file_carries_the_registration_on},
    {"life_ws_6_4_4_a_registration_is_confirmed_renewed_and_made_again",
     life_ws_6_4_4_a_registration_is_confirmed_renewed_and_made_again},
    {"life_a_registration_that_cannot_be_made_again_is_told", life_a_registration_that_cannot_be_made_again_is_told},
    {"life_a_registration_that_is_not_kept_is_not_asked_for", life_a_registration_that_is_not_kept_is_not_asked_for},
    {"life_a_patient_client_waits_for_its_registrar", life_a_patient_client_waits_for_its_registrar},
    {"life_ws_5_2_7_a_schedule_keeps_the_client_away", life_ws_5_2_7_a_schedule_keeps_the_client_away},
    {NULL, NULL},
};
