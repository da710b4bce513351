// Callbacks: which thread, which order, what may be called in them, and how they end.
#include "test.h"

#include <pthread.h>

typedef struct {
    counter *called;
    onem2m_ws_client *client, *other;
    pthread_t thread;
    onem2m_ws_request *kept;
    int dropped, after_drop, poll;
} context;

static context *context_new(void) {
    context *c = (context *)calloc(1, sizeof *c);
    c->called = counter_new();
    return c;
}

static void on_drop(void *user_data) {
    context *c = (context *)user_data;
    CHECK(c->dropped == 0);
    c->dropped = 1;
    counter_add(c->called);
}

static void on_completion(void *user_data, int32_t result, const onem2m_ws_response *response) {
    context *c = (context *)user_data;
    (void)result;
    (void)response;
    CHECK(!c->dropped);
    counter_add(c->called);
}

static void answer_ok(void *user_data, onem2m_ws_request *request) {
    (void)user_data;
    OK(onem2m_ws_request_respond(request, 2000, NULL));
    onem2m_ws_request_free(request);
}

static void never(void *user_data, int32_t result, const onem2m_ws_response *response) {
    (void)user_data;
    (void)result;
    (void)response;
    fail(__FILE__, __LINE__, "called, though it was cancelled or had failed", NULL);
}

// Everything that can be called on a client, from within one of its callbacks.
static void call_everything(context *c) {
    onem2m_ws_client *client = c->client;
    onem2m_ws_request *request = request_for(ONEM2M_WS_RETRIEVE, "cse-in", 0, NULL);
    onem2m_ws_response *response = NULL;
    onem2m_ws_outbox *outbox = NULL;
    onem2m_ws_counters counters;
    uint64_t call = 0;
    char entity[32];

    OK(onem2m_ws_client_connect(client, 5000));
    OK(onem2m_ws_client_send(client, request, 5000, &response)); // blocking, on the thread that delivers
    EQUAL(onem2m_ws_response_status(response), 2000);
    onem2m_ws_response_free(response);
    OK(onem2m_ws_client_send_async(client, request, on_completion, c, NULL));
    OK(onem2m_ws_client_send_async(client, request, never, c, &call));
    OK(onem2m_ws_client_cancel(client, call));
    EQUAL(onem2m_ws_client_cancel(client, call), ONEM2M_WS_INVALID_STATE);
    OK(onem2m_ws_client_connect_async(client, on_completion, c, NULL));
    OK(onem2m_ws_client_entity(client, entity, sizeof entity, NULL));
    counters.struct_size = sizeof counters;
    OK(onem2m_ws_client_counters(client, &counters));
    CHECK(onem2m_ws_client_state(client) >= 0);
    OK(onem2m_ws_client_send_in(client, ONEM2M_WS_NON_BLOCKING_SYNCH, request, 5000, NULL));
    OK(onem2m_ws_client_post(client, request, 5000, NULL));
    OK(onem2m_ws_client_flush(client, 5000));
    EQUAL(onem2m_ws_client_outbox_len(client), 0);
    OK(onem2m_ws_client_outbox(client, &outbox));
    EQUAL(onem2m_ws_outbox_count(outbox), 0);
    onem2m_ws_outbox_free(outbox);
    EQUAL(onem2m_ws_client_close(client, 100), ONEM2M_WS_WOULD_DEADLOCK);
    ERROR_SAYS("onem2m_ws_client_close_async");
    EQUAL(onem2m_ws_registrar_stop(registrar(), 100), ONEM2M_WS_WOULD_DEADLOCK);
    if (c->poll) {
        EQUAL(onem2m_ws_client_dispatch(client, 100), ONEM2M_WS_WOULD_DEADLOCK);
        CHECK(onem2m_ws_client_fd(client) >= 0);
    }
    // A client of its own, from birth to death.
    {
        onem2m_ws_client *another = client_for("Cinner", NULL);
        OK(onem2m_ws_client_connect(another, 5000));
        OK(onem2m_ws_client_close(another, 5000));
        onem2m_ws_client_free(another);
    }
    onem2m_ws_request_free(request);
    counter_add(c->called);
}

static void everything_on_request(void *user_data, onem2m_ws_request *request) {
    context *c = (context *)user_data;
    onem2m_ws_response *response = NULL;
    call_everything(c);
    OK(onem2m_ws_request_respond(request, 2000, NULL));
    onem2m_ws_request_free(request);
    OK(onem2m_ws_client_disconnect(c->client, 5000));
    OK(onem2m_ws_client_notify(c->client, "cse-in/nobody", "{\"m2m:sgn\":{}}", 5000, &response)); // opens it again
    EQUAL(onem2m_ws_response_status(response), 4004);
    onem2m_ws_response_free(response);
    counter_add(c->called);
}

static void everything_on_state(void *user_data, const onem2m_ws_state *state) {
    context *c = (context *)user_data;
    static int once;
    if (state->state == ONEM2M_WS_OPEN && c->other != NULL && !once++) call_everything(c);
}

static void everything_on_completion(void *user_data, int32_t result, const onem2m_ws_response *response) {
    context *c = (context *)user_data;
    OK(result);
    EQUAL(onem2m_ws_response_status(response), 2000);
    call_everything(c);
}

static onem2m_ws_client *make(context *c, const char *originator, const onem2m_ws_callbacks *callbacks) {
    onem2m_ws_client_config *config = config_for(registrar_url(), originator);
    onem2m_ws_client *client = NULL;
    OK(onem2m_ws_client_config_set_poll_mode(config, c->poll != 0));
    OK(onem2m_ws_client_new(config, callbacks, &client));
    onem2m_ws_client_config_free(config);
    return client;
}

static void wait_and_dispatch(context *c, int count) {
    long long end = now_ms() + 20000;
    if (!c->poll) {
        WAIT_FOR(c->called, count);
        return;
    }
    while (counter_get(c->called) < count) {
        CHECK(now_ms() < end);
        OK(onem2m_ws_client_dispatch(c->client, 200));
    }
}

static void everything_everywhere(int poll) {
    context *c = context_new();
    onem2m_ws_callbacks callbacks = callbacks_with(c);
    onem2m_ws_client *admin = registered("notifier", NULL);
    onem2m_ws_request *request = request_for(ONEM2M_WS_RETRIEVE, "cse-in", 0, NULL);
    callbacks.on_request = everything_on_request;
    callbacks.on_state = everything_on_state;
    callbacks.drop = on_drop;
    c->poll = poll;
    c->client = make(c, "Cevery", &callbacks);
    OK(onem2m_ws_client_register_ae(c->client, NULL, "Ntest", "every", NULL, 0));

    OK(onem2m_ws_client_send_async(c->client, request, everything_on_completion, c, NULL));
    wait_and_dispatch(c, 3); // itself, and the two completions of its calls
    c->other = admin;
    OK(onem2m_ws_client_disconnect(c->client, 5000));
    OK(onem2m_ws_client_connect(c->client, 5000));
    wait_and_dispatch(c, 6);
    c->other = NULL;
    OK(onem2m_ws_request_set(request, "op", "5"));
    onem2m_ws_request_free(request);
    request = request_for(ONEM2M_WS_NOTIFY, "cse-in/every", 0, "{\"m2m:sgn\":{}}");
    {
        context *ignored = context_new();
        OK(onem2m_ws_client_send_async(admin, request, on_completion, ignored, NULL));
    }
    onem2m_ws_request_free(request);
    wait_and_dispatch(c, 10);
    CHECK(!c->dropped);
    onem2m_ws_client_free(c->client);
    CHECK(c->dropped);
    onem2m_ws_client_free(admin);
}

static void callbacks_may_call_everything(void) {
    everything_everywhere(0);
}

static void callbacks_may_call_everything_in_poll_mode(void) {
    everything_everywhere(1);
}

static void frees_on_completion(void *user_data, int32_t result, const onem2m_ws_response *response) {
    context *c = (context *)user_data;
    (void)response;
    OK(result);
    onem2m_ws_client_free(c->client);
    c->client = NULL;
    CHECK(!c->dropped); // not while this callback runs
    counter_add(c->called);
}

static void expects_closed(void *user_data, int32_t result, const onem2m_ws_response *response) {
    context *c = (context *)user_data;
    CHECK(result == ONEM2M_WS_CLOSED || result == ONEM2M_WS_CONNECTION_LOST);
    CHECK(response == NULL);
    CHECK(onem2m_ws_last_error()[0] != '\0');
    CHECK(!c->dropped);
    counter_add(c->called);
}

static void callbacks_may_free_their_client(void) {
    proxy *p = proxy_new();
    context *c = context_new();
    onem2m_ws_callbacks callbacks = callbacks_with(c);
    onem2m_ws_client_config *config = config_for(proxy_url(p), "Cfreed");
    onem2m_ws_request *request = request_for(ONEM2M_WS_RETRIEVE, "cse-in", 0, NULL);
    callbacks.drop = on_drop;
    OK(onem2m_ws_client_new(config, &callbacks, &c->client));
    OK(onem2m_ws_client_register_ae(c->client, NULL, "Ntest", "freed", NULL, 0));
    proxy_mute(p, 1);
    OK(onem2m_ws_client_send_async(c->client, request, expects_closed, c, NULL));
    OK(onem2m_ws_client_connect_async(c->client, frees_on_completion, c, NULL));
    WAIT_FOR(c->called, 3); // the two completions, then drop
    CHECK(c->dropped && c->client == NULL);

    // The same in poll mode: all of it within one dispatch.
    proxy_mute(p, 0);
    c = context_new();
    callbacks.user_data = c;
    OK(onem2m_ws_client_config_set_poll_mode(config, true));
    OK(onem2m_ws_client_new(config, &callbacks, &c->client));
    onem2m_ws_client_config_free(config);
    OK(onem2m_ws_client_connect_async(c->client, frees_on_completion, c, NULL));
    while (c->client != NULL) OK(onem2m_ws_client_dispatch(c->client, 1000));
    EQUAL(counter_get(c->called), 2);
    CHECK(c->dropped);
    onem2m_ws_request_free(request);
}

static void callbacks_free_completes_all_that_waits_and_drops_last(void) {
    proxy *p = proxy_new();
    int poll, i;
    for (poll = 0; poll < 2; poll++) {
        context *c = context_new();
        onem2m_ws_callbacks callbacks = callbacks_with(c);
        onem2m_ws_client_config *config = config_for(proxy_url(p), poll ? "Cwaits1" : "Cwaits0");
        onem2m_ws_request *request = request_for(ONEM2M_WS_RETRIEVE, "cse-in", 0, NULL);
        callbacks.drop = on_drop;
        OK(onem2m_ws_client_config_set_poll_mode(config, poll != 0));
        OK(onem2m_ws_client_new(config, &callbacks, &c->client));
        onem2m_ws_client_config_free(config);
        proxy_mute(p, 0);
        OK(onem2m_ws_client_register_ae(c->client, NULL, "Ntest", poll ? "waits1" : "waits0", NULL, 0));
        proxy_mute(p, 1);
        for (i = 0; i < 20; i++) OK(onem2m_ws_client_send_async(c->client, request, expects_closed, c, NULL));
        onem2m_ws_client_free(c->client);
        EQUAL(counter_get(c->called), 21);
        onem2m_ws_request_free(request);
    }
}

static void callbacks_are_not_called_for_what_failed_or_was_cancelled(void) {
    proxy *p = proxy_new();
    onem2m_ws_client_config *config = config_for(proxy_url(p), "Ccancels");
    onem2m_ws_client *client = NULL;
    onem2m_ws_request *request = request_for(ONEM2M_WS_RETRIEVE, "cse-in", 0, NULL);
    uint64_t calls[3] = {0, 0, 0};
    OK(onem2m_ws_client_new(config, NULL, &client));
    onem2m_ws_client_config_free(config);
    EQUAL(onem2m_ws_client_send_async(client, request, never, NULL, &calls[0]), ONEM2M_WS_NOT_REGISTERED);
    EQUAL(calls[0], 0);
    OK(onem2m_ws_client_register_ae(client, NULL, "Ntest", "cancels", NULL, 0));
    proxy_mute(p, 1);
    OK(onem2m_ws_client_send_async(client, request, never, NULL, &calls[0]));
    OK(onem2m_ws_client_send_async(client, request, never, NULL, &calls[1]));
    OK(onem2m_ws_client_close_async(client, never, NULL, &calls[2]));
    CHECK(calls[0] != calls[1] && calls[1] != calls[2]);
    OK(onem2m_ws_client_cancel(client, calls[0]));
    OK(onem2m_ws_client_cancel(client, calls[1]));
    OK(onem2m_ws_client_cancel(client, calls[2]));
    EQUAL(onem2m_ws_client_cancel(client, 12345), ONEM2M_WS_INVALID_STATE);
    proxy_mute(p, 0);
    // Nothing waits any more, so that closing does not.
    OK(onem2m_ws_client_close(client, 10000));
    onem2m_ws_client_free(client);
    onem2m_ws_request_free(request);
}

static void close_on_request(void *user_data, onem2m_ws_request *request) {
    context *c = (context *)user_data;
    OK(onem2m_ws_client_close_async(c->client, on_completion, c, NULL));
    OK(onem2m_ws_request_respond(request, 2000, NULL)); // closing waits for this
    onem2m_ws_request_free(request);
}

static void callbacks_may_close_their_client(void) {
    context *c = context_new();
    onem2m_ws_callbacks callbacks = callbacks_with(c);
    onem2m_ws_client *peer = registered("closer", NULL);
    onem2m_ws_response *response = NULL;
    callbacks.on_request = close_on_request;
    c->client = registered("closing", &callbacks);
    OK(onem2m_ws_client_notify(peer, "cse-in/closing", "{\"m2m:sgn\":{}}", 10000, &response));
    EQUAL(onem2m_ws_response_status(response), 2000);
    onem2m_ws_response_free(response);
    WAIT_FOR(c->called, 1);
    EQUAL(onem2m_ws_client_state(c->client), ONEM2M_WS_CLIENT_CLOSED);
    onem2m_ws_client_free(c->client);
    onem2m_ws_client_free(peer);
}

static char states[500];

static void note_state(void *user_data, const onem2m_ws_state *state) {
    char line[100];
    snprintf(line, sizeof line, "%d/%s/%s ", (int)state->state, onem2m_ws_result_name(state->cause),
             state->message.len > 0 ? "text" : "-");
    strcat(states, line);
    if (state->state == ONEM2M_WS_OPEN || state->state == ONEM2M_WS_CLIENT_CLOSED)
        counter_add(((context *)user_data)->called);
}

static void callbacks_tell_every_state_with_its_cause(void) {
    proxy *p = proxy_new();
    context *c = context_new();
    onem2m_ws_callbacks callbacks = callbacks_with(c);
    onem2m_ws_client_config *config = config_for(proxy_url(p), "Cstates");
    callbacks.on_state = note_state;
    OK(onem2m_ws_client_new(config, &callbacks, &c->client));
    onem2m_ws_client_config_free(config);
    OK(onem2m_ws_client_connect(c->client, 5000));
    proxy_reset(p);
    WAIT_FOR(c->called, 2); // it has come back by itself
    OK(onem2m_ws_client_close(c->client, 5000));
    WAIT_FOR(c->called, 3);
    onem2m_ws_client_free(c->client);
    CONTAINS(states, "1/ONEM2M_WS_OK/- 2/ONEM2M_WS_OK/- 0/ONEM2M_WS_CONNECTION_LOST/text 1/ONEM2M_WS_OK/- 2/ONEM2M_WS_OK/-");
    CONTAINS(states, "3/ONEM2M_WS_OK/-");
}

// Many threads use one client at once, while notifications come in and the client closes in the end.
static onem2m_ws_client *shared_client;

static void *sends(void *argument) {
    int i;
    for (i = 0; i < 50; i++) {
        EQUAL(status_of(shared_client, request_for(ONEM2M_WS_RETRIEVE, "cse-in/crowd", 0, NULL)), 2000);
        if (i % 10 == 0) EQUAL(publish(shared_client, "cse-in/crowd/c", "x"), 2001);
    }
    return argument;
}

static void callbacks_and_calls_of_many_threads(void) {
    onem2m_ws_callbacks callbacks = callbacks_with(NULL);
    onem2m_ws_response *response = NULL;
    pthread_t threads[6];
    size_t i;
    callbacks.on_request = answer_ok;
    shared_client = registered("crowd", &callbacks);
    create_container(shared_client, "cse-in/crowd", "c");
    OK(onem2m_ws_client_subscribe(shared_client, "cse-in/crowd/c", NULL, 0, &response));
    onem2m_ws_response_free(response);
    for (i = 0; i < 6; i++) CHECK(pthread_create(&threads[i], NULL, sends, NULL) == 0);
    for (i = 0; i < 6; i++) pthread_join(threads[i], NULL);
    OK(onem2m_ws_client_close(shared_client, 10000));
    onem2m_ws_client_free(shared_client);
}

const test tests_callbacks[] = {
    {"callbacks_may_call_everything", callbacks_may_call_everything},
    {"callbacks_may_call_everything_in_poll_mode", callbacks_may_call_everything_in_poll_mode},
    {"callbacks_may_free_their_client", callbacks_may_free_their_client},
    {"callbacks_free_completes_all_that_waits_and_drops_last", callbacks_free_completes_all_that_waits_and_drops_last},
    {"callbacks_are_not_called_for_what_failed_or_was_cancelled",
     callbacks_are_not_called_for_what_failed_or_was_cancelled},
    {"callbacks_may_close_their_client", callbacks_may_close_their_client},
    {"callbacks_tell_every_state_with_its_cause", callbacks_tell_every_state_with_its_cause},
    {"callbacks_and_calls_of_many_threads", callbacks_and_calls_of_many_threads},
    {NULL, NULL},
};
