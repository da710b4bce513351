// The embedded registrar: what it keeps, what it tells of its registrees, and who takes over whom.
#include "test.h"

#include <poll.h>
#include <pthread.h>

typedef struct {
    int kind;
    unsigned long long connection, count;
    char entity[40], cause[200], peer[60], id[80];
} registree_event;

typedef struct {
    counter *called;
    registree_event events[60];
    onem2m_ws_registrar *registrar;
    int dropped, poll;
    pthread_t thread;
} listener;

static listener *listener_new(void) {
    listener *c = (listener *)calloc(1, sizeof *c);
    c->called = counter_new();
    return c;
}

static void note_registree(void *user_data, const onem2m_ws_registree_event *event) {
    listener *c = (listener *)user_data;
    registree_event *e = &c->events[counter_get(c->called)];
    CHECK(e < c->events + sizeof c->events / sizeof *c->events && !c->dropped);
    if (c->poll) CHECK(pthread_equal(c->thread, pthread_self()));
    e->kind = event->kind;
    e->connection = event->connection;
    e->count = event->count;
    copy_text(e->entity, sizeof e->entity, event->entity);
    copy_text(e->cause, sizeof e->cause, event->cause);
    copy_text(e->peer, sizeof e->peer, event->peer);
    copy_text(e->id, sizeof e->id, event->request_id);
    TEXT(event->principal, NULL); // nobody is authenticated
    counter_add(c->called);
}

static void note_drop(void *user_data) {
    listener *c = (listener *)user_data;
    CHECK(c->dropped == 0);
    c->dropped = 1;
}

static onem2m_ws_registrar_callbacks events_of_registrees(listener *c) {
    onem2m_ws_registrar_callbacks callbacks;
    memset(&callbacks, 0, sizeof callbacks);
    callbacks.struct_size = sizeof callbacks;
    callbacks.user_data = c;
    callbacks.drop = note_drop;
    callbacks.on_event = note_registree;
    return callbacks;
}

// The first event of this kind for this entity, which is waited for.
static const registree_event *event_of(listener *c, int kind, const char *entity) {
    long long end = now_ms() + 20000;
    for (;;) {
        int i, count = counter_get(c->called);
        for (i = 0; i < count; i++)
            if (c->events[i].kind == kind && strcmp(c->events[i].entity, entity) == 0) return &c->events[i];
        if (now_ms() > end) EQUAL(-1, kind); // it did not come
        if (c->poll) OK(onem2m_ws_registrar_dispatch(c->registrar, 20));
        else pause_ms(10);
    }
}

static onem2m_ws_registrar_config *settings_at(const char *url) {
    onem2m_ws_registrar_config *config = NULL;
    OK(onem2m_ws_registrar_config_new(&config));
    OK(onem2m_ws_registrar_config_set_listen(config, url));
    return config;
}

static onem2m_ws_client *registered_at(const char *url, const char *name, const onem2m_ws_callbacks *callbacks) {
    char originator[32];
    onem2m_ws_client *client;
    snprintf(originator, sizeof originator, "C%s", name);
    client = new_client(config_for(url, originator), callbacks);
    OK(onem2m_ws_client_register_ae(client, NULL, "Ntest", name, NULL, 10000));
    return client;
}

// --- arguments and settings ------------------------------------------------------------------------------------------

static void registrar_null_is_an_error_everywhere(void) {
    const int32_t bad = ONEM2M_WS_INVALID_ARGUMENT;
    onem2m_ws_registrar_config *config = settings_at("ws://127.0.0.1:0");
    onem2m_ws_registrar *r = NULL;
    listener *c = listener_new();
    onem2m_ws_registrar_callbacks callbacks = events_of_registrees(c);
    onem2m_ws_delivery_counters delivered;
    onem2m_ws_take_over_counters taken;
    struct {
        onem2m_ws_registrar_callbacks known;
        void *later;
    } newer;

    EQUAL(onem2m_ws_registrar_config_set_store(NULL, "a"), bad);
    EQUAL(onem2m_ws_registrar_config_set_store(config, "caf\xe9"), bad);
    OK(onem2m_ws_registrar_config_set_store(config, NULL));
    EQUAL(onem2m_ws_registrar_config_set_notification_age_ms(NULL, 1), bad);
    EQUAL(onem2m_ws_registrar_config_set_delivery_window(NULL, 1), bad);
    EQUAL(onem2m_ws_registrar_config_set_take_over(NULL, 0), bad);
    EQUAL(onem2m_ws_registrar_config_set_result_persistence_ms(NULL, 1), bad);
    EQUAL(onem2m_ws_registrar_config_set_flapping(NULL, 1, 1), bad);
    EQUAL(onem2m_ws_registrar_config_set_poll_mode(NULL, true), bad);
    EQUAL(onem2m_ws_registrar_config_set_sp_id(NULL, "//a"), bad);
    OK(onem2m_ws_registrar_config_set_sp_id(config, NULL));
    EQUAL(onem2m_ws_registrar_config_set_upstream(NULL, "ws://h", "/id-in"), bad);
    EQUAL(onem2m_ws_registrar_config_set_upstream(config, "nowhere", "/id-in"), bad);
    ERROR_SAYS("nowhere");
    OK(onem2m_ws_registrar_config_set_upstream(config, NULL, NULL));
    EQUAL(onem2m_ws_registrar_config_set_upstream_client(NULL, NULL), bad);
    OK(onem2m_ws_registrar_config_set_upstream_client(config, NULL));
    EQUAL(onem2m_ws_registrar_config_set_upstream_below(NULL, "-"), bad);
    EQUAL(onem2m_ws_registrar_config_set_upstream_check_every_ms(NULL, 1), bad);
    EQUAL(onem2m_ws_registrar_upstream_state(NULL, NULL, NULL), bad);
    EQUAL(onem2m_ws_registrar_waiting(NULL, "Ca"), bad);
    EQUAL(onem2m_ws_registrar_start_with(config, &callbacks, NULL), bad);
    EQUAL(onem2m_ws_registrar_fd(NULL), bad);
    EQUAL(onem2m_ws_registrar_dispatch(NULL, 0), bad);
    EQUAL(onem2m_ws_registrar_delivery_counters(NULL, &delivered), bad);
    EQUAL(onem2m_ws_registrar_take_over_counters(NULL, &taken), bad);

    callbacks.struct_size = 0;
    EQUAL(onem2m_ws_registrar_start_with(config, &callbacks, &r), bad);
    ERROR_SAYS("callbacks.struct_size");
    CHECK(r == NULL);
    memset(&newer, 0, sizeof newer);
    newer.known = events_of_registrees(c);
    newer.known.struct_size = sizeof newer;
    newer.later = &newer;
    EQUAL(onem2m_ws_registrar_start_with(config, &newer.known, &r), bad);
    ERROR_SAYS("does not know");
    newer.later = NULL;
    OK(onem2m_ws_registrar_start_with(config, &newer.known, &r));
    EQUAL(onem2m_ws_registrar_fd(r), ONEM2M_WS_INVALID_STATE); // it has a thread
    EQUAL(onem2m_ws_registrar_dispatch(r, 0), ONEM2M_WS_INVALID_STATE);
    EQUAL(onem2m_ws_registrar_upstream_state(r, NULL, NULL), ONEM2M_WS_INVALID_STATE);
    ERROR_SAYS("onem2m_ws_registrar_config_set_upstream()");
    EQUAL(onem2m_ws_registrar_waiting(r, NULL), bad);
    EQUAL(onem2m_ws_registrar_waiting(r, "Cnobody"), 0);
    EQUAL(onem2m_ws_registrar_delivery_counters(r, NULL), bad);
    EQUAL(onem2m_ws_registrar_take_over_counters(r, NULL), bad);
    delivered.struct_size = 0;
    EQUAL(onem2m_ws_registrar_delivery_counters(r, &delivered), bad);
    memset(&delivered, 0x55, sizeof delivered);
    delivered.struct_size = 2 * sizeof(uint64_t); // an older program
    OK(onem2m_ws_registrar_delivery_counters(r, &delivered));
    EQUAL(delivered.accepted, 0);
    EQUAL(delivered.delivered, 0x5555555555555555);
    onem2m_ws_registrar_free(r);
    CHECK(c->dropped);
    // One that cannot be started calls nothing.
    c->dropped = 0;
    OK(onem2m_ws_registrar_config_set_listen(config, "nowhere"));
    EQUAL(onem2m_ws_registrar_start_with(config, &newer.known, &r), bad);
    CHECK(!c->dropped);
    onem2m_ws_registrar_config_free(config);
}

static void registrar_settings_have_ranges_and_are_named_by_their_errors(void) {
    const char *const out_of_range[][2] = {
        {"{\"delivery_window\":0}", "delivery_window"},
        {"{\"delivery_window\":257}", "delivery_window"},
        {"{\"notification_age_ms\":0}", "notification_age"},
        {"{\"notification_age_ms\":31536000001}", "notification_age"},
        {"{\"result_persistence_ms\":0}", "result_persistence"},
        {"{\"result_persistence_ms\":31536000001}", "result_persistence"},
        {"{\"upstream\":\"ws://127.0.0.1:1\"}", "upstream_cse_id"},
        {"{\"upstream\":\"ws://127.0.0.1:1\",\"upstream_cse_id\":\"/id-in\"}", "another CSE than this one"},
        {"{\"cse_id\":\"/id-mn\",\"cse_name\":\"cse-mn\",\"upstream\":\"ws://127.0.0.1:1\",\"upstream_cse_id\":\"/id-in\","
         "\"upstream_check_every_ms\":31536000001}",
         "check_every"},
        {"{\"cse_id\":\"/id-mn\",\"cse_name\":\"cse-mn\",\"upstream\":\"ws://127.0.0.1:1\",\"upstream_cse_id\":\"/id-in\","
         "\"upstream_client\":{\"window\":0}}",
         "window"},
        {"{\"flapping_count\":0}", "flapping: count"},
        {"{\"flapping_count\":10001}", "flapping: count"},
        {"{\"flapping_within_ms\":0}", "flapping: within"},
        {"{\"flapping_within_ms\":31536000001}", "flapping: within"},
    };
    const char *const in_range[] = {
        "{\"delivery_window\":1,\"notification_age_ms\":1,\"flapping_count\":1,\"flapping_within_ms\":1,\"take_over\":\"probe\"}",
        "{\"delivery_window\":256,\"notification_age_ms\":31536000000,\"flapping_count\":10000,"
        "\"flapping_within_ms\":31536000000,\"take_over\":\"newest\",\"poll_mode\":true}",
    };
    onem2m_ws_registrar *r = NULL;
    onem2m_ws_registrar_config *config = settings_at("ws://127.0.0.1:0");
    size_t i;
    for (i = 0; i < sizeof out_of_range / sizeof *out_of_range; i++) {
        onem2m_ws_registrar_config *other = settings_at("ws://127.0.0.1:0");
        OK(onem2m_ws_registrar_config_load_json(other, out_of_range[i][0]));
        EQUAL(onem2m_ws_registrar_start(other, &r), ONEM2M_WS_INVALID_ARGUMENT);
        ERROR_SAYS(out_of_range[i][1]);
        onem2m_ws_registrar_config_free(other);
    }
    for (i = 0; i < sizeof in_range / sizeof *in_range; i++) {
        OK(onem2m_ws_registrar_config_load_json(config, in_range[i]));
        OK(onem2m_ws_registrar_start(config, &r));
        onem2m_ws_registrar_free(r);
    }
    EQUAL(onem2m_ws_registrar_config_load_json(config, "{\"upstream_client\":{\"windoww\":1}}"), ONEM2M_WS_INVALID_ARGUMENT);
    ERROR_SAYS("windoww");
    {
        // A password is in no error, and a setting of the connection that cannot work is named when it is started.
        onem2m_ws_registrar_config *other = settings_at("ws://127.0.0.1:0");
        onem2m_ws_client_config *connection = config_for("ws://127.0.0.1:1", "Cx");
        OK(onem2m_ws_registrar_config_load_json(other, "{\"cse_id\":\"/id-mn\",\"cse_name\":\"cse-mn\"}"));
        OK(onem2m_ws_client_config_load_json(connection, "{\"proxy\":\"ftp://u:hunter2@proxy\"}"));
        OK(onem2m_ws_registrar_config_set_upstream(other, "ws://127.0.0.1:1", "/id-in"));
        OK(onem2m_ws_registrar_config_set_upstream_client(other, connection));
        onem2m_ws_client_config_free(connection); // it was copied
        EQUAL(onem2m_ws_registrar_start(other, &r), ONEM2M_WS_INVALID_ARGUMENT);
        ERROR_SAYS("http://[user:password@]host[:port]");
        CHECK(strstr(onem2m_ws_last_error(), "hunter2") == NULL);
        onem2m_ws_registrar_config_free(other);
    }
    EQUAL(onem2m_ws_registrar_config_load_json(config, "{\"upstream_attributes\":[]}"), ONEM2M_WS_INVALID_ARGUMENT);
    EQUAL(onem2m_ws_registrar_config_load_json(config, "{\"take_over\":\"oldest\"}"), ONEM2M_WS_INVALID_ARGUMENT);
    ERROR_SAYS("oldest");
    EQUAL(onem2m_ws_registrar_config_set_take_over(config, 3), ONEM2M_WS_INVALID_ARGUMENT);
    ERROR_SAYS("`take_over` is 3; there are 0 (probe), 1 (refuse), 2 (newest)");
    EQUAL(onem2m_ws_registrar_config_set_take_over(config, -1), ONEM2M_WS_INVALID_ARGUMENT);
    OK(onem2m_ws_registrar_config_set_delivery_window(config, 256));
    OK(onem2m_ws_registrar_config_set_notification_age_ms(config, 31536000000u));
    OK(onem2m_ws_registrar_config_set_result_persistence_ms(config, 31536000000u));
    OK(onem2m_ws_registrar_config_set_store(config, "/no/such/folder/store"));
    EQUAL(onem2m_ws_registrar_start(config, &r), ONEM2M_WS_STORAGE);
    ERROR_SAYS("/no/such/folder/store");
    onem2m_ws_registrar_config_free(config);
}

// --- what it keeps ---------------------------------------------------------------------------------------------------

static void count_request(void *user_data, onem2m_ws_request *request) {
    OK(onem2m_ws_request_respond(request, 2000, NULL));
    onem2m_ws_request_free(request);
    counter_add((counter *)user_data);
}

static void registrar_ws_6_5_4_a_store_keeps_resources_registrations_and_notifications(void) {
    char *url = nobody();
    const char *path = path_of("store");
    onem2m_ws_registrar_config *config = settings_at(url);
    onem2m_ws_registrar *r, *second = NULL;
    counter *received = counter_new();
    onem2m_ws_callbacks callbacks = callbacks_with(received);
    onem2m_ws_client *writer, *reader;
    onem2m_ws_response *response = NULL;
    onem2m_ws_delivery_counters counters;
    long long end;

    OK(onem2m_ws_registrar_config_set_store(config, path));
    r = start_registrar(config, NULL);
    OK(onem2m_ws_registrar_config_set_listen(config, "ws://127.0.0.1:0"));
    EQUAL(onem2m_ws_registrar_start(config, &second), ONEM2M_WS_STORAGE); // one at a time
    ERROR_SAYS(path);
    OK(onem2m_ws_registrar_config_set_listen(config, url));
    callbacks.on_request = count_request;
    writer = registered_at(url, "writer", NULL);
    reader = registered_at(url, "reader", &callbacks);
    create_container(writer, "cse-in/writer", "data");
    OK(onem2m_ws_client_subscribe(reader, "cse-in/writer/data", NULL, 0, &response));
    EQUAL(onem2m_ws_response_status(response), 2001);
    onem2m_ws_response_free(response);
    OK(onem2m_ws_client_disconnect(reader, 5000));
    EQUAL(publish(writer, "cse-in/writer/data", "1"), 2001);
    EQUAL(publish(writer, "cse-in/writer/data", "2"), 2001);
    counters.struct_size = sizeof counters;
    OK(onem2m_ws_registrar_delivery_counters(r, &counters));
    EQUAL(counters.accepted, 2);
    EQUAL(counters.delivered, 0);

    OK(onem2m_ws_registrar_stop(r, 10000));
    onem2m_ws_registrar_free(r);
    r = start_registrar(config, NULL);
    EQUAL(status_of(writer, request_for(ONEM2M_WS_RETRIEVE, "cse-in/writer/data", 0, NULL)), 2000);
    OK(onem2m_ws_client_connect(reader, 10000));
    WAIT_FOR(received, 2);
    end = now_ms() + 20000;
    do {
        CHECK(now_ms() < end);
        OK(onem2m_ws_registrar_delivery_counters(r, &counters));
    } while (counters.delivered < 2);
    EQUAL(counters.delivered, 2);
    EQUAL(counters.expired + counters.given_up + counters.replaced + counters.refused, 0);
    onem2m_ws_client_free(writer);
    onem2m_ws_client_free(reader);
    OK(onem2m_ws_registrar_stop(r, 10000));
    onem2m_ws_registrar_free(r);
    onem2m_ws_registrar_config_free(config);
    remove(path);
    free(url);
}

// --- what it tells ---------------------------------------------------------------------------------------------------

static void tells(int poll_mode) {
    char *url = nobody();
    onem2m_ws_registrar_config *config = settings_at(url);
    listener *c = listener_new();
    onem2m_ws_registrar_callbacks callbacks = events_of_registrees(c);
    onem2m_ws_client *ae;
    const registree_event *e;
    int i;

    c->poll = poll_mode;
    c->thread = pthread_self();
    OK(onem2m_ws_registrar_config_set_poll_mode(config, poll_mode != 0));
    c->registrar = start_registrar(config, &callbacks);
    ae = registered_at(url, "one", NULL);
    if (poll_mode) {
        struct pollfd fd;
        fd.fd = onem2m_ws_registrar_fd(c->registrar);
        fd.events = POLLIN;
        CHECK(fd.fd >= 0);
        EQUAL(poll(&fd, 1, 10000), 1);
        EQUAL(counter_get(c->called), 0); // nothing is called outside of dispatch
    }
    e = event_of(c, ONEM2M_WS_REGISTREE_REACHABLE, "Cone");
    CHECK(e->connection > 0);
    OK(onem2m_ws_client_disconnect(ae, 5000));
    e = event_of(c, ONEM2M_WS_REGISTREE_UNREACHABLE, "Cone");
    CHECK(e->cause[0] != '\0' && e->connection == c->events[1].connection);
    OK(onem2m_ws_client_connect(ae, 5000));
    EQUAL(status_of(ae, request_for(ONEM2M_WS_DELETE, "cse-in/one", 0, NULL)), 2002);
    event_of(c, ONEM2M_WS_REGISTREE_DEREGISTERED, "Cone");
    EQUAL(c->events[0].kind, ONEM2M_WS_REGISTREE_REGISTERED);
    EQUAL(c->events[1].kind, ONEM2M_WS_REGISTREE_REACHABLE);
    for (i = 0; i < 2; i++) CHECK(strcmp(c->events[i].entity, "Cone") == 0);
    onem2m_ws_client_free(ae);
    onem2m_ws_registrar_free(c->registrar);
    CHECK(c->dropped);
    onem2m_ws_registrar_config_free(config);
    free(url);
}

static void registrar_tells_of_its_registrees(void) {
    tells(0);
}

static void registrar_tells_of_its_registrees_in_poll_mode(void) {
    tells(1);
}

static void stops_and_frees(void *user_data, const onem2m_ws_registree_event *event) {
    listener *c = (listener *)user_data;
    CHECK(event->kind == ONEM2M_WS_REGISTREE_REGISTERED && c->registrar != NULL);
    EQUAL(onem2m_ws_registrar_stop(c->registrar, 100), ONEM2M_WS_WOULD_DEADLOCK);
    if (c->poll) EQUAL(onem2m_ws_registrar_dispatch(c->registrar, 0), ONEM2M_WS_WOULD_DEADLOCK);
    onem2m_ws_registrar_free(c->registrar);
    c->registrar = NULL;
    CHECK(!c->dropped); // not while this callback runs
    counter_add(c->called);
}

static void registrar_may_be_freed_by_its_callback(void) {
    int poll_mode;
    for (poll_mode = 0; poll_mode < 2; poll_mode++) {
        char *url = nobody();
        onem2m_ws_registrar_config *config = settings_at(url);
        listener *c = listener_new();
        onem2m_ws_registrar_callbacks callbacks = events_of_registrees(c);
        onem2m_ws_client *ae = new_client(config_for(url, "Cone"), NULL);
        long long end = now_ms() + 20000;
        callbacks.on_event = stops_and_frees;
        c->poll = poll_mode;
        OK(onem2m_ws_registrar_config_set_poll_mode(config, poll_mode != 0));
        c->registrar = start_registrar(config, &callbacks);
        // Its answer may be lost with the registrar.
        onem2m_ws_client_register_ae(ae, NULL, "Ntest", "one", NULL, poll_mode ? 10000 : 500);
        while (poll_mode && c->registrar != NULL) OK(onem2m_ws_registrar_dispatch(c->registrar, 100));
        WAIT_FOR(c->called, 1);
        while (!c->dropped) {
            CHECK(now_ms() < end);
            pause_ms(5);
        }
        EQUAL(counter_get(c->called), 1); // events that came meanwhile are not told
        onem2m_ws_client_free(ae);
        onem2m_ws_registrar_config_free(config);
        free(url);
    }
}

static void registrar_tells_what_expires(void) {
    char *url = nobody();
    onem2m_ws_registrar_config *config = settings_at(url);
    listener *c = listener_new();
    onem2m_ws_registrar_callbacks callbacks = events_of_registrees(c);
    onem2m_ws_client *ae;
    onem2m_ws_response *response = NULL;
    onem2m_ws_delivery_counters counters;
    const registree_event *e;
    OK(onem2m_ws_registrar_config_set_notification_age_ms(config, 300));
    c->registrar = start_registrar(config, &callbacks);
    ae = registered_at(url, "late", NULL);
    create_container(ae, "cse-in/late", "data");
    OK(onem2m_ws_client_subscribe(ae, "cse-in/late/data", NULL, 0, &response));
    onem2m_ws_response_free(response);
    OK(onem2m_ws_client_disconnect(ae, 5000));
    event_of(c, ONEM2M_WS_REGISTREE_UNREACHABLE, "Clate");
    {
        onem2m_ws_client *admin = new_client(admin_at(url), NULL);
        EQUAL(publish(admin, "cse-in/late/data", "x"), 2001);
        e = event_of(c, ONEM2M_WS_REGISTREE_REQUEST_EXPIRED, "Clate");
        CHECK(e->id[0] != '\0');
        onem2m_ws_client_free(admin);
    }
    counters.struct_size = sizeof counters;
    OK(onem2m_ws_registrar_delivery_counters(c->registrar, &counters));
    EQUAL(counters.expired, 1);
    onem2m_ws_client_free(ae);
    onem2m_ws_registrar_free(c->registrar);
    onem2m_ws_registrar_config_free(config);
    free(url);
}

// --- take-over -------------------------------------------------------------------------------------------------------

// Another client that speaks for "Cone".
static onem2m_ws_client *double_at(const char *url) {
    onem2m_ws_client_config *config = config_for(url, "Cone");
    OK(onem2m_ws_client_config_set_registered(config, true));
    OK(onem2m_ws_client_config_set_stay_connected(config, false));
    return new_client(config, NULL);
}

static void registrar_ws_5_2_3_the_newest_takes_over_or_is_refused(void) {
    const int32_t rules[] = {ONEM2M_WS_TAKE_OVER_NEWEST, ONEM2M_WS_TAKE_OVER_REFUSE, ONEM2M_WS_TAKE_OVER_PROBE};
    size_t i;
    for (i = 0; i < 3; i++) {
        char *url = nobody();
        onem2m_ws_registrar_config *config = settings_at(url);
        listener *c = listener_new();
        onem2m_ws_registrar_callbacks callbacks = events_of_registrees(c);
        onem2m_ws_client *first, *second;
        onem2m_ws_request *request = request_for(ONEM2M_WS_RETRIEVE, "cse-in", 0, NULL);
        onem2m_ws_take_over_counters counters;
        const registree_event *e;
        OK(onem2m_ws_registrar_config_set_take_over(config, rules[i]));
        OK(onem2m_ws_registrar_config_set_flapping(config, 1, 60000));
        c->registrar = start_registrar(config, &callbacks);
        first = registered_at(url, "one", NULL);
        second = double_at(url);
        onem2m_ws_client_send(second, request, 5000, NULL); // it may be closed instead
        counters.struct_size = sizeof counters;
        if (rules[i] == ONEM2M_WS_TAKE_OVER_NEWEST) {
            onem2m_ws_client *third;
            e = event_of(c, ONEM2M_WS_REGISTREE_TAKEN_OVER, "Cone");
            CHECK(e->connection > 0);
            third = double_at(url);
            OK(onem2m_ws_client_send(third, request, 5000, NULL));
            e = event_of(c, ONEM2M_WS_REGISTREE_FLAPPING, "Cone");
            CHECK(e->count >= 2);
            OK(onem2m_ws_registrar_take_over_counters(c->registrar, &counters));
            CHECK(counters.taken_over >= 2 && counters.flapping >= 1 && counters.refused == 0);
            onem2m_ws_client_free(third);
        } else {
            e = event_of(c, ONEM2M_WS_REGISTREE_NEWCOMER_REFUSED, "Cone");
            CHECK(e->connection > 0 && strncmp(e->peer, "127.0.0.1:", 10) == 0);
            EQUAL(status_of(first, request_for(ONEM2M_WS_RETRIEVE, "cse-in", 0, NULL)), 2000);
            OK(onem2m_ws_registrar_take_over_counters(c->registrar, &counters));
            CHECK(counters.refused >= 1 && counters.taken_over == 0 && counters.alerts == 0);
        }
        onem2m_ws_request_free(request);
        onem2m_ws_client_free(first);
        onem2m_ws_client_free(second);
        onem2m_ws_registrar_free(c->registrar);
        onem2m_ws_registrar_config_free(config);
        free(url);
    }
}

// --- its own registrar -----------------------------------------------------------------------------------------------

typedef struct {
    counter *changes;
    int registered[60], causes[60];
    char messages[60][100];
} upstreams;

static void note_upstream(void *user_data, const onem2m_ws_upstream_state *state) {
    upstreams *u = (upstreams *)user_data;
    int at = counter_get(u->changes);
    if (at >= 60) return;
    u->registered[at] = state->is_registered;
    u->causes[at] = state->cause;
    copy_text(u->messages[at], sizeof u->messages[at], state->message);
    counter_add(u->changes);
}

// Until it is registered above, or not; what it counts.
static unsigned long long upstream_is(onem2m_ws_registrar *gateway, int registered) {
    uint64_t registrations = 0;
    long long end = now_ms() + 20000;
    while (onem2m_ws_registrar_upstream_state(gateway, &registrations, NULL) != registered) {
        CHECK(now_ms() < end);
        pause_ms(10);
    }
    return registrations;
}

static void nothing_waits(onem2m_ws_registrar *gateway) {
    long long end = now_ms() + 20000;
    while (onem2m_ws_registrar_waiting(gateway, "/id-in") != 0) {
        CHECK(now_ms() < end);
        pause_ms(10);
    }
}

// Whoever has an account comes in; everybody else is told why not, and no error shows a secret.
static void registrar_ws_6_2_3_1_1_lets_in_whoever_has_an_account(void) {
    const char *const refused[][2] = {
        {"{\"users\":{\"a:b\":\"hunter2\"}}", "colon"},
        {"{\"users\":{\"a\":\"\"}}", "password"},
        {"{\"tokens\":{\"a\":\"hunter2 \"}}", "letters"},
        {"{\"users\":{},\"tokens\":{}}", "nobody"},
    };
    onem2m_ws_registrar_config *config;
    onem2m_ws_client_config *settings;
    onem2m_ws_registrar *r = NULL;
    onem2m_ws_client *client = NULL;
    char url[100];
    onem2m_ws_text address;
    size_t i;

    for (i = 0; i < sizeof refused / sizeof *refused; i++) {
        config = settings_at("ws://127.0.0.1:0");
        OK(onem2m_ws_registrar_config_load_json(config, refused[i][0]));
        EQUAL(onem2m_ws_registrar_start(config, &r), ONEM2M_WS_INVALID_ARGUMENT);
        ERROR_SAYS(refused[i][1]);
        CHECK(strstr(onem2m_ws_last_error(), "hunter2") == NULL);
        onem2m_ws_registrar_config_free(config);
    }
    config = settings_at("ws://127.0.0.1:0");
    EQUAL(onem2m_ws_registrar_config_load_json(config, "{\"users\":{\"a\":271828}}"), ONEM2M_WS_INVALID_ARGUMENT);
    CHECK(strstr(onem2m_ws_last_error(), "271828") == NULL);
    OK(onem2m_ws_registrar_config_load_json(
        config, "{\"users\":{\"gateway\":\"s@cret\"},\"tokens\":{\"sensor\":\"mF_9.B5f-4.1JqM\"}}"));
    OK(onem2m_ws_registrar_start(config, &r));
    onem2m_ws_registrar_config_free(config);
    address = onem2m_ws_registrar_point_of_access(r, 0);
    snprintf(url, sizeof url, "%.*s", (int)address.len, address.data);

    // By setters and by JSON; of two setters the later one holds.
    for (i = 0; i < 6; i++) {
        static const int32_t expected[] = {ONEM2M_WS_OK, ONEM2M_WS_OK, ONEM2M_WS_OK, ONEM2M_WS_HANDSHAKE_REFUSED,
                                           ONEM2M_WS_HANDSHAKE_REFUSED, ONEM2M_WS_HANDSHAKE_REFUSED};
        settings = config_for(url, "Cx");
        if (i == 0) OK(onem2m_ws_client_config_set_basic(settings, "gateway", "s@cret"));
        if (i == 1) {
            OK(onem2m_ws_client_config_set_basic(settings, "gateway", "hunter2"));
            OK(onem2m_ws_client_config_set_bearer(settings, "mF_9.B5f-4.1JqM"));
        }
        if (i == 2) {
            OK(onem2m_ws_client_config_set_bearer(settings, "hunter2"));
            OK(onem2m_ws_client_config_set_bearer(settings, NULL));
            OK(onem2m_ws_client_config_load_json(settings,
                                                 "{\"basic_user\":\"gateway\",\"basic_password\":\"s@cret\"}"));
        }
        if (i == 3) OK(onem2m_ws_client_config_set_basic(settings, "gateway", "hunter2hunter2"));
        if (i == 4) OK(onem2m_ws_client_config_load_json(settings, "{\"bearer\":\"hunter2hunter2\"}"));
        OK(onem2m_ws_client_new(settings, NULL, &client));
        EQUAL(onem2m_ws_client_connect(client, 0), expected[i]);
        if (expected[i] != ONEM2M_WS_OK) {
            EQUAL(onem2m_ws_last_error_http_status(), 401);
            ERROR_SAYS(i == 5 ? "credentials are wanted (Basic realm=" : "credentials are not accepted (Basic realm=");
            CHECK(strstr(onem2m_ws_last_error(), "hunter2") == NULL);
        }
        onem2m_ws_client_free(client);
        onem2m_ws_client_config_free(settings);
    }
    onem2m_ws_registrar_free(r);
}

static void registrar_ws_5_2_2_an_mn_cse_forwards_and_survives_the_loss_of_its_registrar(void) {
    char *url = nobody();
    onem2m_ws_registrar *above, *gateway;
    onem2m_ws_registrar_config *config = settings_at("ws://127.0.0.1:0");
    onem2m_ws_client_config *connection = NULL;
    onem2m_ws_registrar_callbacks callbacks;
    onem2m_ws_callbacks hears;
    onem2m_ws_client *ae, *boss;
    onem2m_ws_response *response = NULL;
    upstreams u;
    counter *heard = counter_new();
    uint64_t registrations = 7;
    int32_t cause = 7;
    char below[64], found[200];
    long long end;
    int i;

    memset(&u, 0, sizeof u);
    u.changes = counter_new();
    memset(&callbacks, 0, sizeof callbacks);
    callbacks.struct_size = sizeof callbacks;
    callbacks.user_data = &u;
    callbacks.on_upstream = note_upstream;
    OK(onem2m_ws_client_config_new("ws://elsewhere.invalid", &connection)); // where it is does not count here
    OK(onem2m_ws_client_config_load_json(connection, "{\"reopening_first_delay_ms\":20,\"reopening_largest_delay_ms\":100}"));
    OK(onem2m_ws_registrar_config_set_cse_id(config, "/id-mn"));
    OK(onem2m_ws_registrar_config_set_cse_name(config, "cse-mn"));
    OK(onem2m_ws_registrar_config_set_upstream(config, url, "/id-in"));
    OK(onem2m_ws_registrar_config_set_upstream_client(config, connection));
    OK(onem2m_ws_registrar_config_set_upstream_below(config, "cse-in"));
    OK(onem2m_ws_registrar_config_set_upstream_check_every_ms(config, 200));
    OK(onem2m_ws_registrar_config_load_json(config, "{\"upstream_attributes\":{\"lbl\":[\"mine\"]}}"));
    onem2m_ws_client_config_free(connection);
    gateway = start_registrar(config, &callbacks); // whether there is one above or not
    onem2m_ws_registrar_config_free(config);
    end = now_ms() + 20000;
    while (cause != ONEM2M_WS_CONNECTION_REFUSED) {
        CHECK(now_ms() < end);
        EQUAL(onem2m_ws_registrar_upstream_state(gateway, &registrations, &cause), 0);
        EQUAL(registrations, 0);
        pause_ms(5);
    }
    ERROR_SAYS(strrchr(url, ':') + 1);

    above = registrar_at(url);
    EQUAL(upstream_is(gateway, 1), 1);
    {
        onem2m_ws_text address = onem2m_ws_registrar_point_of_access(gateway, 0);
        copy_text(below, sizeof below, address);
    }
    // Up: an AE of the gateway's creates and retrieves at the registrar above, which knows the gateway.
    ae = registered_at(below, "low", NULL);
    create_container(ae, "cse-mn/low", "data");
    EQUAL(status_of(ae, request_for(ONEM2M_WS_RETRIEVE, "/id-in/cse-in", 0, NULL)), 2000);
    boss = new_client(admin_at(url), NULL);
    {
        onem2m_ws_request *request = request_for(ONEM2M_WS_RETRIEVE, "cse-in", 0, NULL);
        OK(onem2m_ws_request_set(request, "fc", "{\"fu\":1,\"ty\":[16],\"lbl\":[\"mine\"]}"));
        OK(onem2m_ws_client_send(boss, request, 10000, &response));
        copy_text(found, sizeof found, onem2m_ws_response_content(response));
        CONTAINS(found, "cse-in/");
        onem2m_ws_response_free(response);
        onem2m_ws_request_free(request);
    }
    onem2m_ws_client_free(boss);
    // Down: somebody at the registrar above hears what happens here; also of what happened while that one was away.
    hears = callbacks_with(heard);
    hears.on_request = count_request;
    boss = registered_at(url, "boss", &hears);
    OK(onem2m_ws_client_subscribe(boss, "/id-mn/cse-mn/low/data", "{\"nu\":[\"/id-in/Cboss\"]}", 0, &response));
    EQUAL(onem2m_ws_response_status(response), 2001);
    onem2m_ws_response_free(response);
    EQUAL(publish(ae, "cse-mn/low/data", "1"), 2001);
    WAIT_FOR(heard, 1);
    nothing_waits(gateway);
    onem2m_ws_registrar_free(above);
    upstream_is(gateway, 0);
    for (i = 2; i <= 4; i++) EQUAL(publish(ae, "cse-mn/low/data", "x"), 2001);
    EQUAL(onem2m_ws_registrar_waiting(gateway, "/id-in"), 3);
    EQUAL(status_of(ae, request_for(ONEM2M_WS_RETRIEVE, "/id-in/cse-in", 0, NULL)), 5103);
    above = registrar_at(url); // has forgotten everybody
    CHECK(upstream_is(gateway, 1) >= 2);
    nothing_waits(gateway);
    CHECK(counter_get(u.changes) >= 4);
    for (i = 0; i < counter_get(u.changes); i++) {
        if (u.registered[i]) EQUAL(u.causes[i], 0);
        CHECK((u.causes[i] != 0) == (u.messages[i][0] != '\0'));
    }
    onem2m_ws_client_free(ae);
    onem2m_ws_client_free(boss);
    OK(onem2m_ws_registrar_stop(gateway, 10000));
    onem2m_ws_registrar_free(gateway);
    onem2m_ws_registrar_free(above);
    free(url);
}

const test tests_registrar[] = {
    {"registrar_null_is_an_error_everywhere", registrar_null_is_an_error_everywhere},
    {"registrar_settings_have_ranges_and_are_named_by_their_errors",
     registrar_settings_have_ranges_and_are_named_by_their_errors},
    {"registrar_ws_6_5_4_a_store_keeps_resources_registrations_and_notifications",
     registrar_ws_6_5_4_a_store_keeps_resources_registrations_and_notifications},
    {"registrar_tells_of_its_registrees", registrar_tells_of_its_registrees},
    {"registrar_tells_of_its_registrees_in_poll_mode", registrar_tells_of_its_registrees_in_poll_mode},
    {"registrar_may_be_freed_by_its_callback", registrar_may_be_freed_by_its_callback},
    {"registrar_tells_what_expires", registrar_tells_what_expires},
    {"registrar_ws_5_2_3_the_newest_takes_over_or_is_refused", registrar_ws_5_2_3_the_newest_takes_over_or_is_refused},
    {"registrar_ws_6_2_3_1_1_lets_in_whoever_has_an_account", registrar_ws_6_2_3_1_1_lets_in_whoever_has_an_account},
    {"registrar_ws_5_2_2_an_mn_cse_forwards_and_survives_the_loss_of_its_registrar",
     registrar_ws_5_2_2_an_mn_cse_forwards_and_survives_the_loss_of_its_registrar},
    {NULL, NULL},
};
