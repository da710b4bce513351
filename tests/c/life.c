// A client's life: its settings, what an outcome is worth, staying registered, and when the connection is opened.
#include "test.h"

#include <math.h>
#include <pthread.h>
#include <time.h>

// Everything that it knew is forgotten.
static onem2m_ws_registrar *restarted(onem2m_ws_registrar *r, const char *url) {
    onem2m_ws_registrar_free(r);
    return registrar_at(url);
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
    client_log *c = client_log_new();
    onem2m_ws_callbacks callbacks = logs_to(c);
    const int expected[] = {ONEM2M_WS_CONNECTING, ONEM2M_WS_OPEN, ONEM2M_WS_REGISTERED, ONEM2M_WS_CLOSING,
                            ONEM2M_WS_CLIENT_CLOSED};
    onem2m_ws_client *client;
    callbacks.on_state = log_state;
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
    client_log *c = client_log_new();
    onem2m_ws_callbacks callbacks = logs_to(c);
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
static const client_event *event_of(client_log *c, int kind) {
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
    client_log *c = client_log_new();
    onem2m_ws_callbacks callbacks = logs_to(c);
    onem2m_ws_client_config *config = config_for(url, "Ckept");
    onem2m_ws_client *client;
    long long now = (long long)time(NULL) * 1000;
    const client_event *e;

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
    client_log *c = client_log_new();
    onem2m_ws_callbacks callbacks = logs_to(c);
    onem2m_ws_client *client = new_client(config_for(url, "Cfirst"), &callbacks);
    const client_event *e;
    OK(onem2m_ws_client_register_ae(client, "cse-in", "Ntest", "place", NULL, 10000));
    OK(onem2m_ws_client_disconnect(client, 5000)); // it stays away
    onem2m_ws_registrar_free(r);
    r = registrar_named("cse-other", url); // nothing can be created there below "cse-in"
    OK(onem2m_ws_client_connect(client, 5000));
    e = event_of(c, ONEM2M_WS_EVENT_REGISTRATION_FAILED);
    EQUAL(e->result, ONEM2M_WS_REGISTRATION_REFUSED);
    EQUAL(e->status, 4103);
    CONTAINS(e->message, "4103");
    EQUAL(e->until_ms, -1);
    onem2m_ws_client_free(client);
    onem2m_ws_registrar_free(r);
    free(url);
}

static void life_a_registration_that_is_not_kept_is_not_asked_for(void) {
    char *url = nobody();
    onem2m_ws_registrar *r = registrar_at(url);
    client_log *c = client_log_new();
    onem2m_ws_callbacks callbacks = logs_to(c);
    onem2m_ws_client_config *config = config_for(url, "Cunkept");
    onem2m_ws_client *client;
    OK(onem2m_ws_client_config_set_keep_registered(config, false));
    client = new_client(config, &callbacks);
    OK(onem2m_ws_client_register_ae(client, NULL, "Ntest", "unkept", NULL, 10000));
    OK(onem2m_ws_client_disconnect(client, 5000));
    r = restarted(r, url);
    OK(onem2m_ws_client_connect(client, 5000));
    EQUAL(status_of(client, request_for(ONEM2M_WS_RETRIEVE, "cse-in/unkept", 0, NULL)), 4106);
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
    {"life_settings_have_ranges_and_are_named_by_their_errors",
     life_settings_have_ranges_and_are_named_by_their_errors},
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
