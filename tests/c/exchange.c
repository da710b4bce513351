// The main job from C: register, exchange primitives in both directions, go offline, come back; and answering requests.

#include "test.h"

#include <poll.h>
#include <pthread.h>
#include <unistd.h>

typedef struct {
    counter *received;
    char values[16][16]; // of the content instances that were notified
    int answer;          // 0: do not answer
    onem2m_ws_request *kept;
} receiver;

static receiver *receiver_new(int answer) {
    receiver *r = (receiver *)calloc(1, sizeof *r);
    r->received = counter_new();
    r->answer = answer;
    return r;
}

// {"m2m:sgn":{"nev":{"rep":{"m2m:cin":{...,"con":"21",...}}...}}}
static void note_value(receiver *r, onem2m_ws_text content) {
    char text[2000];
    const char *value;
    int at = counter_get(r->received);
    CHECK(content.data != NULL && content.len < sizeof text && at < 16);
    memcpy(text, content.data, content.len);
    text[content.len] = '\0';
    value = strstr(text, "\"con\"");
    if (value != NULL) sscanf(value + 5, " : \"%15[^\"]", r->values[at]); // ACME writes blanks
}

static void on_request(void *user_data, onem2m_ws_request *request) {
    receiver *r = (receiver *)user_data;
    EQUAL(onem2m_ws_request_operation(request), ONEM2M_WS_NOTIFY);
    note_value(r, onem2m_ws_request_content(request));
    if (r->answer != 0) OK(onem2m_ws_request_respond(request, r->answer, NULL));
    onem2m_ws_request_free(request);
    counter_add(r->received);
}

static void register_notify_go_offline_come_back(int32_t format) {
    receiver *r = receiver_new(2000);
    onem2m_ws_callbacks callbacks = callbacks_with(r);
    onem2m_ws_client *sensor, *actuator;
    onem2m_ws_response *response = NULL;
    onem2m_ws_counters counters;
    char entity[32];

    speak(format);
    callbacks.on_request = on_request;
    sensor = registered("sensor", NULL);
    actuator = registered("actuator", &callbacks);
    EQUAL(onem2m_ws_client_format(actuator), format);
    OK(onem2m_ws_client_entity(actuator, entity, sizeof entity, NULL));
    CHECK(strcmp(entity, "Cactuator") == 0);
    create_container(sensor, "cse-in/sensor", "data");
    OK(onem2m_ws_client_subscribe(actuator, "cse-in/sensor/data", "{\"rn\":\"sub\"}", 0, &response));
    EQUAL(onem2m_ws_response_status(response), 2001);
    onem2m_ws_response_free(response);

    EQUAL(publish(sensor, "cse-in/sensor/data", "one"), 2001);
    WAIT_FOR(r->received, 1);
    CHECK(strcmp(r->values[0], "one") == 0);

    // Away: what is notified meanwhile waits, and comes in order without a new registration.
    OK(onem2m_ws_client_disconnect(actuator, 5000));
    EQUAL(onem2m_ws_client_state(actuator), ONEM2M_WS_DISCONNECTED);
    EQUAL(publish(sensor, "cse-in/sensor/data", "two"), 2001);
    EQUAL(publish(sensor, "cse-in/sensor/data", "three"), 2001);
    EQUAL(counter_get(r->received), 1);
    OK(onem2m_ws_client_connect(actuator, 5000));
    EQUAL(onem2m_ws_client_state(actuator), ONEM2M_WS_REGISTERED);
    WAIT_FOR(r->received, 3);
    CHECK(strcmp(r->values[1], "two") == 0 && strcmp(r->values[2], "three") == 0);

    EQUAL(status_of(actuator, request_for(ONEM2M_WS_RETRIEVE, "cse-in/sensor/data/la", 0, NULL)), 2000);
    EQUAL(status_of(sensor, request_for(ONEM2M_WS_UPDATE, "cse-in/sensor/data", 0, "{\"m2m:cnt\":{\"lbl\":[\"a\"]}}")), 2004);
    EQUAL(status_of(sensor, request_for(ONEM2M_WS_DELETE, "cse-in/sensor/data", 0, NULL)), 2002);
    EQUAL(status_of(actuator, request_for(ONEM2M_WS_RETRIEVE, "cse-in/sensor/data", 0, NULL)), 4004);

    counters.struct_size = sizeof counters;
    OK(onem2m_ws_client_counters(actuator, &counters));
    EQUAL(counters.connections, 2);
    OK(onem2m_ws_client_close(sensor, 10000));
    OK(onem2m_ws_client_close(actuator, 10000));
    onem2m_ws_client_free(sensor);
    onem2m_ws_client_free(actuator);
    OK(onem2m_ws_registrar_stop(registrar(), 10000));
    onem2m_ws_registrar_free(registrar());
}

static void exchange_register_notify_go_offline_come_back(void) {
    register_notify_go_offline_come_back(ONEM2M_WS_FORMAT_JSON);
}

static void exchange_ws_6_2_2_9_1_over_cbor(void) {
    register_notify_go_offline_come_back(ONEM2M_WS_FORMAT_CBOR);
}

static void exchange_ws_6_2_2_9_1_over_xml(void) {
    register_notify_go_offline_come_back(ONEM2M_WS_FORMAT_XML);
}

typedef struct {
    int status, calls;
} outcome;

static void completed(void *user_data, int32_t result, const onem2m_ws_response *response) {
    outcome *o = (outcome *)user_data;
    o->status = result != 0 ? result : response != NULL ? (int)onem2m_ws_response_status(response) : 0;
    o->calls++;
}

// A loop as a gateway has one.
static void loop_until(onem2m_ws_client *client, const int *calls, int count) {
    long long end = now_ms() + 20000;
    while (*calls < count) {
        struct pollfd fd;
        fd.fd = onem2m_ws_client_fd(client);
        fd.events = POLLIN;
        CHECK(fd.fd >= 0);
        CHECK(now_ms() < end);
        CHECK(poll(&fd, 1, 1000) >= 0);
        OK(onem2m_ws_client_dispatch(client, 0));
    }
}

static pthread_t the_thread;
static int requests_here;

static void on_request_here(void *user_data, onem2m_ws_request *request) {
    (void)user_data;
    CHECK(pthread_equal(the_thread, pthread_self()));
    OK(onem2m_ws_request_respond(request, 2000, NULL));
    onem2m_ws_request_free(request);
    requests_here++;
}

static int states_here;

static void on_state_here(void *user_data, const onem2m_ws_state *state) {
    (void)user_data;
    CHECK(pthread_equal(the_thread, pthread_self()));
    CHECK(state->state >= ONEM2M_WS_DISCONNECTED && state->state <= ONEM2M_WS_CLOSING);
    states_here++;
}

static void exchange_in_poll_mode_on_one_thread(void) {
    onem2m_ws_callbacks callbacks = callbacks_with(NULL);
    onem2m_ws_client_config *config = config_for(registrar_url(), "Cpolled");
    onem2m_ws_client *client = NULL;
    onem2m_ws_request *request;
    outcome o = {0, 0};

    the_thread = pthread_self();
    callbacks.on_request = on_request_here;
    callbacks.on_state = on_state_here;
    OK(onem2m_ws_client_config_set_poll_mode(config, true));
    OK(onem2m_ws_client_new(config, &callbacks, &client));
    onem2m_ws_client_config_free(config);
    OK(onem2m_ws_client_dispatch(client, 0)); // nothing there

    OK(onem2m_ws_client_register_ae_async(client, NULL, "Ntest", "polled", NULL, completed, &o, NULL));
    pause_ms(100);
    EQUAL(o.calls, 0); // nothing is called outside of dispatch
    EQUAL(states_here, 0);
    loop_until(client, &o.calls, 1);
    EQUAL(o.status, 0);
    CHECK(states_here >= 2); // connecting, open
    request = request_for(ONEM2M_WS_CREATE, "cse-in/polled", ONEM2M_WS_CONTAINER, "{\"m2m:cnt\":{\"rn\":\"c\"}}");
    OK(onem2m_ws_client_send_async(client, request, completed, &o, NULL));
    onem2m_ws_request_free(request);
    loop_until(client, &o.calls, 2);
    EQUAL(o.status, 2001);
    OK(onem2m_ws_client_subscribe_async(client, "cse-in/polled/c", NULL, completed, &o, NULL));
    loop_until(client, &o.calls, 3);
    EQUAL(o.status, 2001);
    EQUAL(publish(client, "cse-in/polled/c", "x"), 2001); // a blocking call in between
    loop_until(client, &requests_here, 1);
    OK(onem2m_ws_client_notify_async(client, "cse-in/polled", "{\"m2m:sgn\":{}}", completed, &o, NULL));
    loop_until(client, &o.calls, 4); // to itself, through the registrar
    EQUAL(o.status, 2000);
    EQUAL(requests_here, 2);
    OK(onem2m_ws_client_disconnect_async(client, completed, &o, NULL));
    loop_until(client, &o.calls, 5);
    OK(onem2m_ws_client_connect_async(client, completed, &o, NULL));
    loop_until(client, &o.calls, 6);
    EQUAL(o.status, 0);
    // A notification that waits to be delivered does not hold back the close.
    EQUAL(publish(client, "cse-in/polled/c", "y"), 2001);
    OK(onem2m_ws_client_close(client, 10000));
    EQUAL(requests_here, 3);
    EQUAL(onem2m_ws_client_state(client), ONEM2M_WS_CLIENT_CLOSED);
    onem2m_ws_client_free(client);
}

static void exchange_poll_functions_need_poll_mode(void) {
    onem2m_ws_client *client = client_for("Cx", NULL);
    EQUAL(onem2m_ws_client_fd(client), ONEM2M_WS_INVALID_STATE);
    EQUAL(onem2m_ws_client_dispatch(client, 0), ONEM2M_WS_INVALID_STATE);
    onem2m_ws_client_free(client);
}

// What the registrar's administrator hears when it notifies <AE> cse-in/NAME.
static int notified(onem2m_ws_client *admin, const char *to, char *body, size_t size) {
    onem2m_ws_response *response = NULL;
    onem2m_ws_text content;
    int status;
    OK(onem2m_ws_client_notify(admin, to, "{\"m2m:sgn\":{\"sur\":\"x\"}}", 20000, &response));
    status = onem2m_ws_response_status(response);
    content = onem2m_ws_response_content(response);
    snprintf(body, size, "%.*s", (int)content.len, content.data ? content.data : "");
    onem2m_ws_response_free(response);
    return status;
}

static onem2m_ws_client *administrator(void) {
    onem2m_ws_client_config *config = config_for(registrar_url(), "CAdmin");
    onem2m_ws_client *client = NULL;
    OK(onem2m_ws_client_config_set_registered(config, true));
    OK(onem2m_ws_client_new(config, NULL, &client));
    onem2m_ws_client_config_free(config);
    return client;
}

static void exchange_a_request_freed_without_an_answer_is_answered_5000(void) {
    receiver *r = receiver_new(0);
    onem2m_ws_callbacks callbacks = callbacks_with(r);
    onem2m_ws_client *admin = administrator(), *ae;
    char body[200];
    callbacks.on_request = on_request;
    ae = registered("mute", &callbacks);
    EQUAL(notified(admin, "cse-in/mute", body, sizeof body), 5000);
    CONTAINS(body, "did not answer");
    onem2m_ws_client_free(ae);
    onem2m_ws_client_free(admin);
}

static void on_request_twice(void *user_data, onem2m_ws_request *request) {
    onem2m_ws_response *response = NULL;
    // What is no answer leaves the request to be answered.
    EQUAL(onem2m_ws_request_respond(request, 2000, "not json"), ONEM2M_WS_INVALID_ARGUMENT);
    EQUAL(onem2m_ws_request_respond(request, 20, NULL), ONEM2M_WS_INVALID_ARGUMENT);
    OK(onem2m_ws_response_new(4000, "{\"m2m:dbg\":\"first\"}", &response));
    OK(onem2m_ws_request_respond_with(request, response));
    EQUAL(onem2m_ws_request_respond_with(request, response), ONEM2M_WS_ALREADY_RESPONDED);
    EQUAL(onem2m_ws_request_respond(request, 2000, NULL), ONEM2M_WS_ALREADY_RESPONDED);
    ERROR_SAYS("already");
    onem2m_ws_response_free(response);
    onem2m_ws_request_free(request);
    counter_add((counter *)user_data);
}

static void exchange_only_the_first_answer_counts(void) {
    counter *called = counter_new();
    onem2m_ws_callbacks callbacks = callbacks_with(called);
    onem2m_ws_client *admin = administrator(), *ae;
    char body[200];
    callbacks.on_request = on_request_twice;
    ae = registered("twice", &callbacks);
    EQUAL(notified(admin, "cse-in/twice", body, sizeof body), 4000);
    CONTAINS(body, "first");
    WAIT_FOR(called, 1);
    onem2m_ws_client_free(ae);
    onem2m_ws_client_free(admin);
}

static void exchange_without_on_request_the_peer_hears_4005(void) {
    onem2m_ws_client *admin = administrator(), *ae = registered("deaf", NULL);
    char body[200];
    EQUAL(notified(admin, "cse-in/deaf", body, sizeof body), 4005);
    onem2m_ws_client_free(ae);
    onem2m_ws_client_free(admin);
}

static void on_request_keep(void *user_data, onem2m_ws_request *request) {
    receiver *r = (receiver *)user_data;
    r->kept = request;
    counter_add(r->received);
}

static void *answers_later(void *argument) {
    receiver *r = (receiver *)argument;
    WAIT_FOR(r->received, 1);
    pause_ms(50);
    OK(onem2m_ws_request_respond(r->kept, 2004, "{\"m2m:dbg\":\"later\"}"));
    onem2m_ws_request_free(r->kept);
    return NULL;
}

static void exchange_an_answer_may_come_later_from_another_thread(void) {
    receiver *r = receiver_new(0);
    onem2m_ws_callbacks callbacks = callbacks_with(r);
    onem2m_ws_client *admin = administrator(), *ae;
    pthread_t thread;
    char body[200];
    callbacks.on_request = on_request_keep;
    ae = registered("later", &callbacks);
    CHECK(pthread_create(&thread, NULL, answers_later, r) == 0);
    EQUAL(notified(admin, "cse-in/later", body, sizeof body), 2004);
    CONTAINS(body, "later");
    pthread_join(thread, NULL);
    onem2m_ws_client_free(ae);
    onem2m_ws_client_free(admin);
}

static void exchange_an_answer_that_is_late_is_told_so(void) {
    receiver *r = receiver_new(0);
    onem2m_ws_callbacks callbacks = callbacks_with(r);
    onem2m_ws_client_config *config = config_for(registrar_url(), "Cslow");
    onem2m_ws_client *admin = administrator(), *ae = NULL;
    char body[200];
    callbacks.on_request = on_request_keep;
    OK(onem2m_ws_client_config_set_answer_timeout_ms(config, 150));
    OK(onem2m_ws_client_new(config, &callbacks, &ae));
    onem2m_ws_client_config_free(config);
    OK(onem2m_ws_client_register_ae(ae, NULL, "Ntest", "slow", NULL, 0));
    EQUAL(notified(admin, "cse-in/slow", body, sizeof body), 5000);
    EQUAL(onem2m_ws_request_respond(r->kept, 2000, NULL), ONEM2M_WS_ALREADY_RESPONDED);
    onem2m_ws_request_free(r->kept);
    onem2m_ws_client_free(ae);
    onem2m_ws_client_free(admin);
}

static void exchange_a_request_may_outlive_its_client(void) {
    receiver *r = receiver_new(0);
    onem2m_ws_callbacks callbacks = callbacks_with(r);
    onem2m_ws_client *admin = administrator(), *ae;
    onem2m_ws_request *request = request_for(ONEM2M_WS_NOTIFY, "cse-in/gone", 0, "{\"m2m:sgn\":{}}");
    outcome o = {0, 0};
    callbacks.on_request = on_request_keep;
    ae = registered("gone", &callbacks);
    OK(onem2m_ws_client_send_async(admin, request, completed, &o, NULL));
    onem2m_ws_request_free(request);
    WAIT_FOR(r->received, 1);
    onem2m_ws_client_free(ae);
    TEXT(onem2m_ws_request_content(r->kept), "{\"m2m:sgn\":{}}");
    EQUAL(onem2m_ws_request_respond(r->kept, 2000, NULL), ONEM2M_WS_CONNECTION_LOST);
    EQUAL(onem2m_ws_request_respond(r->kept, 2000, NULL), ONEM2M_WS_ALREADY_RESPONDED);
    onem2m_ws_request_free(r->kept);
    onem2m_ws_client_free(admin); // its completion is called by now
    EQUAL(o.calls, 1);
}

static void exchange_a_cse_registers(void) {
    onem2m_ws_client *cse = client_for("/id-mn", NULL);
    char entity[32];
    OK(onem2m_ws_client_register_cse(cse, NULL, "/id-mn", "cse-mn", "{\"lbl\":[\"a\"]}", 0));
    OK(onem2m_ws_client_entity(cse, entity, sizeof entity, NULL));
    CONTAINS(entity, "id-mn");
    onem2m_ws_client_free(cse);
}

// The client of these settings, through a proxy that knows where "in.invalid" is; NAME is the AE's.
static void register_through(onem2m_ws_client_config *config, const proxy *p, const char *name) {
    onem2m_ws_client *client = NULL;
    char to[40];
    OK(onem2m_ws_client_new(config, NULL, &client));
    OK(onem2m_ws_client_register_ae(client, NULL, "Ntest", name, NULL, 0));
    snprintf(to, sizeof to, "cse-in/%s", name);
    create_container(client, to, "data");
    CONTAINS(http_proxy_asked(p), "CONNECT in.invalid:9000 HTTP/1.1\r\nHost: in.invalid:9000\r\n");
    OK(onem2m_ws_client_close(client, 0));
    onem2m_ws_client_free(client);
}

static void exchange_ws_6_6_1_through_a_proxy(void) {
    proxy *p = http_proxy_new();
    onem2m_ws_client_config *config = config_for("ws://in.invalid:9000", "Cproxied1");
    onem2m_ws_client *client = NULL;
    char url[100], json[200];

    // Credentials in the URL, apart, and in JSON.
    http_proxy_url(p, "gate%77ay:s%40cret@", url, sizeof url);
    OK(onem2m_ws_client_config_set_proxy(config, url));
    register_through(config, p, "proxied1");
    http_proxy_url(p, "", url, sizeof url);
    OK(onem2m_ws_client_config_set_proxy(config, url));
    OK(onem2m_ws_client_config_set_proxy_credentials(config, "gateway", "s@cret"));
    OK(onem2m_ws_client_config_set_originator(config, "Cproxied2"));
    register_through(config, p, "proxied2");
    OK(onem2m_ws_client_config_set_proxy_credentials(config, NULL, NULL));
    snprintf(json, sizeof json, "{\"proxy\":\"%s\",\"proxy_user\":\"gateway\",\"proxy_password\":\"s@cret\"}", url);
    OK(onem2m_ws_client_config_load_json(config, json));
    OK(onem2m_ws_client_config_set_originator(config, "Cproxied3"));
    register_through(config, p, "proxied3");

    // Not known to the proxy: an error of its own, with the proxy's answer.
    OK(onem2m_ws_client_config_set_proxy_credentials(config, "gateway", "hunter2"));
    OK(onem2m_ws_client_new(config, NULL, &client));
    EQUAL(onem2m_ws_client_connect(client, 0), ONEM2M_WS_PROXY_AUTHENTICATION_REQUIRED);
    ERROR_SAYS("at the proxy http://127.0.0.1:");
    ERROR_SAYS("(Basic)");
    CHECK(strstr(onem2m_ws_last_error(), "hunter2") == NULL);
    EQUAL(onem2m_ws_last_error_http_status(), 407);
    TEXT(onem2m_ws_last_error_http_header("proxy-authenticate"), "Basic realm=\"test\"");
    TEXT(onem2m_ws_last_error_http_header("X"), NULL);
    TEXT(onem2m_ws_last_error_http_body(), "tell me\r\n");
    onem2m_ws_client_free(client);

    // The environment's.
    OK(onem2m_ws_client_config_set_proxy(config, NULL));
    OK(onem2m_ws_client_config_set_proxy_credentials(config, NULL, NULL));
    OK(onem2m_ws_client_config_set_proxy_from_environment(config, true));
    OK(onem2m_ws_client_config_set_originator(config, "Cproxied4"));
    http_proxy_url(p, "gateway:s%40cret@", url, sizeof url);
    CHECK(setenv("http_proxy", url, 1) == 0 && unsetenv("no_proxy") == 0 && unsetenv("NO_PROXY") == 0);
    register_through(config, p, "proxied4");
    CHECK(setenv("no_proxy", ".invalid", 1) == 0);
    OK(onem2m_ws_client_new(config, NULL, &client));
    EQUAL(onem2m_ws_client_connect(client, 0), ONEM2M_WS_UNKNOWN_HOST);
    onem2m_ws_client_free(client);
    onem2m_ws_client_config_free(config);
}

// Against ACME, a CSE that others wrote; where it does not run, the test says so and passes. `attributes` are more of the
// AE's. Returns how many deviations of ACME's were let pass.
static uint64_t with_acme(int32_t format, const char *attributes) {
    const char *url = getenv("ACME_WS_URL"), *cse = getenv("ACME_CSE_NAME");
    receiver *r = receiver_new(2000);
    onem2m_ws_callbacks callbacks = callbacks_with(r);
    onem2m_ws_client_config *config;
    onem2m_ws_client *client = NULL;
    onem2m_ws_response *response = NULL;
    onem2m_ws_counters counters;
    char name[32], originator[40], to[100];
    snprintf(name, sizeof name, "c%lldp%ld", now_ms(), (long)getpid()); // several of these programs run at the same time
    snprintf(originator, sizeof originator, "C%s", name);
    speak(format);
    config = config_for(url, originator);
    OK(onem2m_ws_client_config_set_preset(config, "acme"));
    callbacks.on_request = on_request;
    OK(onem2m_ws_client_new(config, &callbacks, &client));
    onem2m_ws_client_config_free(config);
    OK(onem2m_ws_client_register_ae(client, cse, "Ntest", name, attributes, 20000));
    EQUAL(onem2m_ws_client_format(client), format);
    snprintf(to, sizeof to, "%s/%s", cse, name);
    create_container(client, to, "data");
    strcat(to, "/data");
    OK(onem2m_ws_client_subscribe(client, to, NULL, 20000, &response));
    EQUAL(onem2m_ws_response_status(response), 2001);
    onem2m_ws_response_free(response);
    EQUAL(publish(client, to, "one"), 2001);
    WAIT_FOR(r->received, 1);
    OK(onem2m_ws_client_disconnect(client, 10000));
    // ACME may drop notifications as long as it has not noticed that the connection before has ended.
    pause_ms(500);
    OK(onem2m_ws_client_connect(client, 10000));
    EQUAL(publish(client, to, "two"), 2001);
    WAIT_FOR(r->received, 2);
    CHECK(strcmp(r->values[0], "one") == 0 && strcmp(r->values[1], "two") == 0);
    snprintf(to, sizeof to, "%s/%s", cse, name);
    EQUAL(status_of(client, request_for(ONEM2M_WS_RETRIEVE, to, 0, NULL)), 2000);
    EQUAL(status_of(client, request_for(ONEM2M_WS_DELETE, to, 0, NULL)), 2002);
    counters.struct_size = sizeof counters;
    OK(onem2m_ws_client_counters(client, &counters));
    EQUAL(counters.malformed, 0);
    OK(onem2m_ws_client_close(client, 10000));
    onem2m_ws_client_free(client);
    return counters.deviations;
}

static int acme_runs(void) {
    if (getenv("ACME_WS_URL") != NULL && getenv("ACME_CSE_NAME") != NULL) return 1;
    puts("SKIPPED, no ACME: ACME_WS_URL is not set");
    return 0;
}

static void exchange_with_acme(void) {
    if (acme_runs()) with_acme(ONEM2M_WS_FORMAT_JSON, NULL);
}

static void exchange_ws_6_2_2_9_1_with_acme_over_cbor(void) {
    if (acme_runs()) with_acme(ONEM2M_WS_FORMAT_CBOR, NULL);
}

static void exchange_ws_6_2_2_9_3_acme_notifies_in_json_over_cbor(void) {
    // An AE that says that it reads JSON only: two notifications in text frames.
    if (acme_runs()) CHECK(with_acme(ONEM2M_WS_FORMAT_CBOR, "{\"csz\":[\"application/json\"]}") >= 2);
}

// What happened to one call in a transfer mode, in its order.
typedef struct {
    counter *called;
    int acknowledged, status, result;
} transferred;

static void note_acknowledged(void *user_data, const onem2m_ws_response *response) {
    transferred *t = (transferred *)user_data;
    CHECK(t->acknowledged == 0 && counter_get(t->called) == 0);
    t->acknowledged = onem2m_ws_response_status(response);
}

static void note_result(void *user_data, int32_t result, const onem2m_ws_response *response) {
    transferred *t = (transferred *)user_data;
    t->result = result;
    t->status = response != NULL ? (int)onem2m_ws_response_status(response) : 0;
    counter_add(t->called);
}

static void never_transferred(void *user_data, int32_t result, const onem2m_ws_response *response) {
    (void)user_data;
    (void)result;
    (void)response;
    fail(__FILE__, __LINE__, "called, though it was cancelled or had failed", NULL);
}

static void exchange_ws_6_5_1_in_every_transfer_mode(void) {
    receiver *r = receiver_new(2000);
    onem2m_ws_callbacks callbacks = callbacks_with(r);
    const int acknowledgements[] = {1001, 1002, 0, -1}; // of a flexible one the registrar decides
    onem2m_ws_client *client;
    onem2m_ws_request *request;
    onem2m_ws_response *response = NULL;
    transferred t;
    char content[100];
    uint64_t call = 0;
    int mode;

    callbacks.on_request = on_request;
    client = registered("modes", &callbacks);
    for (mode = ONEM2M_WS_NON_BLOCKING_SYNCH; mode <= ONEM2M_WS_FLEX_BLOCKING; mode++) {
        memset(&t, 0, sizeof t);
        t.called = counter_new();
        snprintf(content, sizeof content, "{\"m2m:cnt\":{\"rn\":\"later%d\"}}", mode);
        request = request_for(ONEM2M_WS_CREATE, "cse-in/modes", ONEM2M_WS_CONTAINER, content);
        OK(onem2m_ws_client_send_in_async(client, mode, request, note_acknowledged, note_result, &t, NULL));
        onem2m_ws_request_free(request);
        WAIT_FOR(t.called, 1);
        OK(t.result);
        EQUAL(t.status, 2001);
        if (acknowledgements[mode - 1] >= 0) EQUAL(t.acknowledged, acknowledgements[mode - 1]);
        // Who blocks gets the result; an acknowledgement need not be looked at.
        snprintf(content, sizeof content, "{\"m2m:cnt\":{\"rn\":\"now%d\"}}", mode);
        request = request_for(ONEM2M_WS_CREATE, "cse-in/modes", ONEM2M_WS_CONTAINER, content);
        OK(onem2m_ws_client_send_in(client, mode, request, 20000, &response));
        EQUAL(onem2m_ws_response_status(response), 2001);
        onem2m_ws_response_free(response);
        onem2m_ws_request_free(request);
        request = request_for(ONEM2M_WS_RETRIEVE, "cse-in/modes/nothing", 0, NULL);
        memset(&t, 0, sizeof t);
        t.called = counter_new();
        OK(onem2m_ws_client_send_in_async(client, mode, request, NULL, note_result, &t, NULL));
        WAIT_FOR(t.called, 1);
        EQUAL(t.status, 4004);
        EQUAL(onem2m_ws_client_send_in(client, mode, request, 20000, NULL), 0);
        onem2m_ws_request_free(request);
    }
    EQUAL(counter_get(r->received), 0); // results are no requests of the peer's

    request = request_for(ONEM2M_WS_RETRIEVE, "cse-in", 0, NULL);
    EQUAL(onem2m_ws_client_send_in(client, 0, request, 1000, &response), ONEM2M_WS_INVALID_ARGUMENT);
    ERROR_SAYS("`mode` is 0; there are 1");
    CHECK(response == NULL);
    EQUAL(onem2m_ws_client_send_in(client, 5, request, 1000, &response), ONEM2M_WS_INVALID_ARGUMENT);
    EQUAL(onem2m_ws_client_send_in(NULL, 1, request, 1000, &response), ONEM2M_WS_INVALID_ARGUMENT);
    EQUAL(onem2m_ws_client_send_in(client, 1, NULL, 1000, &response), ONEM2M_WS_INVALID_ARGUMENT);
    EQUAL(onem2m_ws_client_send_in_async(client, 5, request, NULL, never_transferred, NULL, NULL), ONEM2M_WS_INVALID_ARGUMENT);
    EQUAL(onem2m_ws_client_send_in_async(client, 1, request, NULL, NULL, NULL, NULL), ONEM2M_WS_INVALID_ARGUMENT);
    ERROR_SAYS("`completion` is NULL");
    EQUAL(onem2m_ws_client_send_in_async(NULL, 1, request, NULL, never_transferred, NULL, NULL), ONEM2M_WS_INVALID_ARGUMENT);
    // A result that takes its time; cancelled, it is not told.
    memset(&t, 0, sizeof t);
    OK(onem2m_ws_request_set(request, "oet", "\"60000\""));
    OK(onem2m_ws_client_send_in_async(client, ONEM2M_WS_NON_BLOCKING_SYNCH, request, NULL, never_transferred, NULL, &call));
    OK(onem2m_ws_client_cancel(client, call));
    EQUAL(onem2m_ws_client_cancel(client, call), ONEM2M_WS_INVALID_STATE);
    EQUAL(onem2m_ws_client_send_in(client, ONEM2M_WS_NON_BLOCKING_SYNCH, request, 200, &response), ONEM2M_WS_TIMEOUT);
    CHECK(onem2m_ws_last_error_outcome_unknown());
    onem2m_ws_request_free(request);
    onem2m_ws_client_free(client);
}

static void exchange_ws_6_5_1_a_transfer_mode_in_poll_mode(void) {
    onem2m_ws_client_config *config = config_for(registrar_url(), "Cpolledmode");
    onem2m_ws_client *client = NULL;
    onem2m_ws_request *request = request_for(ONEM2M_WS_RETRIEVE, "cse-in", 0, NULL);
    transferred t;
    long long end = now_ms() + 20000;
    memset(&t, 0, sizeof t);
    t.called = counter_new();
    OK(onem2m_ws_client_config_set_poll_mode(config, true));
    OK(onem2m_ws_client_new(config, NULL, &client));
    onem2m_ws_client_config_free(config);
    OK(onem2m_ws_client_register_ae(client, NULL, "Ntest", "polledmode", NULL, 10000));
    OK(onem2m_ws_client_send_in_async(client, ONEM2M_WS_NON_BLOCKING_ASYNCH, request, note_acknowledged, note_result, &t, NULL));
    while (counter_get(t.called) < 1) {
        CHECK(now_ms() < end);
        OK(onem2m_ws_client_dispatch(client, 200));
    }
    EQUAL(t.acknowledged, 1002);
    EQUAL(t.status, 2000);
    onem2m_ws_request_free(request);
    onem2m_ws_client_free(client);
}

const test tests_exchange[] = {
    {"exchange_register_notify_go_offline_come_back", exchange_register_notify_go_offline_come_back},
    {"exchange_ws_6_2_2_9_1_over_cbor", exchange_ws_6_2_2_9_1_over_cbor},
    {"exchange_ws_6_2_2_9_1_over_xml", exchange_ws_6_2_2_9_1_over_xml},
    {"exchange_in_poll_mode_on_one_thread", exchange_in_poll_mode_on_one_thread},
    {"exchange_poll_functions_need_poll_mode", exchange_poll_functions_need_poll_mode},
    {"exchange_a_request_freed_without_an_answer_is_answered_5000",
     exchange_a_request_freed_without_an_answer_is_answered_5000},
    {"exchange_only_the_first_answer_counts", exchange_only_the_first_answer_counts},
    {"exchange_without_on_request_the_peer_hears_4005", exchange_without_on_request_the_peer_hears_4005},
    {"exchange_an_answer_may_come_later_from_another_thread", exchange_an_answer_may_come_later_from_another_thread},
    {"exchange_an_answer_that_is_late_is_told_so", exchange_an_answer_that_is_late_is_told_so},
    {"exchange_a_request_may_outlive_its_client", exchange_a_request_may_outlive_its_client},
    {"exchange_a_cse_registers", exchange_a_cse_registers},
    {"exchange_ws_6_6_1_through_a_proxy", exchange_ws_6_6_1_through_a_proxy},
    {"exchange_with_acme", exchange_with_acme},
    {"exchange_ws_6_2_2_9_1_with_acme_over_cbor", exchange_ws_6_2_2_9_1_with_acme_over_cbor},
    {"exchange_ws_6_2_2_9_3_acme_notifies_in_json_over_cbor", exchange_ws_6_2_2_9_3_acme_notifies_in_json_over_cbor},
    {"exchange_ws_6_5_1_in_every_transfer_mode", exchange_ws_6_5_1_in_every_transfer_mode},
    {"exchange_ws_6_5_1_a_transfer_mode_in_poll_mode", exchange_ws_6_5_1_a_transfer_mode_in_poll_mode},
    {NULL, NULL},
};
