// Peers and calls that go wrong: each gets a clear error, in time, and disturbs nothing else.
#include "test.h"

static onem2m_ws_client *client_to(const char *url, const char *settings) {
    onem2m_ws_client_config *config = config_for(url, "Cbad");
    onem2m_ws_client *client = NULL;
    if (settings != NULL) OK(onem2m_ws_client_config_load_json(config, settings));
    OK(onem2m_ws_client_new(config, NULL, &client));
    onem2m_ws_client_config_free(config);
    return client;
}

static void bad_refused_connection(void) {
    char *url = nobody();
    onem2m_ws_client *client = client_to(url, NULL);
    EQUAL(onem2m_ws_client_connect(client, 0), ONEM2M_WS_CONNECTION_REFUSED);
    ERROR_SAYS(strrchr(url, ':') + 1);
    EQUAL(onem2m_ws_client_state(client), ONEM2M_WS_DISCONNECTED);
    onem2m_ws_client_free(client);
    free(url);
}

static void bad_unknown_host(void) {
    onem2m_ws_client *client = client_to("ws://no-such-host.invalid:9000", NULL);
    EQUAL(onem2m_ws_client_connect(client, 0), ONEM2M_WS_UNKNOWN_HOST);
    ERROR_SAYS("no-such-host.invalid");
    onem2m_ws_client_free(client);
}

static void bad_server_that_stays_silent(void) {
    char *url = bad_server(STAYS_SILENT);
    onem2m_ws_client *client = client_to(url, "{\"open_timeout_ms\":300}");
    long long before = now_ms();
    EQUAL(onem2m_ws_client_connect(client, 0), ONEM2M_WS_OPEN_TIMEOUT);
    CHECK(now_ms() - before < 5000);
    onem2m_ws_client_free(client);
    // The call's own time counts where it is sooner.
    client = client_to(url, NULL);
    before = now_ms();
    EQUAL(onem2m_ws_client_connect(client, 100), ONEM2M_WS_TIMEOUT);
    CHECK(now_ms() - before >= 100 && now_ms() - before < 5000);
    onem2m_ws_client_free(client);
}

static void bad_server_that_refuses_shows_status_and_body(void) {
    onem2m_ws_client *client = client_to(bad_server(REFUSES_WITH_403), NULL);
    EQUAL(onem2m_ws_client_connect(client, 0), ONEM2M_WS_HANDSHAKE_REFUSED);
    ERROR_SAYS("403");
    EQUAL(onem2m_ws_last_error_http_status(), 403);
    TEXT(onem2m_ws_last_error_http_header("CONTENT-type"), "text/plain");
    TEXT(onem2m_ws_last_error_http_header("Location"), NULL);
    TEXT(onem2m_ws_last_error_http_header(NULL), NULL);
    TEXT(onem2m_ws_last_error_http_body(), "not this one\n");
    onem2m_ws_client_free(client);
}

static void bad_server_that_speaks_no_websocket(void) {
    onem2m_ws_client *client = client_to(bad_server(SPEAKS_NO_WEBSOCKET), NULL);
    EQUAL(onem2m_ws_client_connect(client, 0), ONEM2M_WS_NOT_WEBSOCKET);
    onem2m_ws_client_free(client);
    client = client_to(bad_server(CLOSES_AT_ONCE), NULL);
    CHECK(onem2m_ws_client_connect(client, 0) < 0);
    onem2m_ws_client_free(client);
}

static void bad_proxy(void) {
    const int32_t expected[] = {ONEM2M_WS_OPEN_TIMEOUT, ONEM2M_WS_PROXY_REFUSED, ONEM2M_WS_NOT_PROXY, ONEM2M_WS_NOT_PROXY,
                                ONEM2M_WS_CONNECTION_REFUSED};
    const enum misbehaviour what[] = {STAYS_SILENT, REFUSES_WITH_403, SPEAKS_NO_WEBSOCKET, CLOSES_AT_ONCE};
    const size_t count = sizeof what / sizeof *what;
    size_t i;
    for (i = 0; i <= count; i++) {
        char settings[200];
        char *url = i < count ? bad_server(what[i]) : nobody();
        onem2m_ws_client *client;
        snprintf(settings, sizeof settings, "{\"proxy\":\"u:hunter2@%s\",\"open_timeout_ms\":500}", strstr(url, "//") + 2);
        client = client_to("ws://in.invalid", settings);
        EQUAL(onem2m_ws_client_connect(client, 0), expected[i]);
        ERROR_SAYS("ws://in.invalid: at the proxy http://127.0.0.1:");
        CHECK(strstr(onem2m_ws_last_error(), "hunter2") == NULL);
        EQUAL(onem2m_ws_last_error_http_status(), expected[i] == ONEM2M_WS_PROXY_REFUSED ? 403 : 0);
        onem2m_ws_client_free(client);
        free(url);
    }
}

static void bad_request_without_a_registration(void) {
    onem2m_ws_client *client = client_for("Cunregistered", NULL);
    onem2m_ws_request *request = request_for(ONEM2M_WS_RETRIEVE, "cse-in", 0, NULL);
    onem2m_ws_response *response = NULL;
    char entity[20];
    EQUAL(onem2m_ws_client_send(client, request, 0, &response), ONEM2M_WS_NOT_REGISTERED);
    CHECK(response == NULL);
    EQUAL(onem2m_ws_client_entity(client, entity, sizeof entity, NULL), ONEM2M_WS_NOT_REGISTERED);
    OK(onem2m_ws_client_register_ae(client, "cse-in", "Ntest", "unregistered", NULL, 0));
    OK(onem2m_ws_client_send(client, request, 0, &response));
    EQUAL(onem2m_ws_response_status(response), 2000);
    onem2m_ws_response_free(response);
    onem2m_ws_request_free(request);
    onem2m_ws_client_free(client);
}

static void bad_registration_that_is_refused_shows_the_answer(void) {
    onem2m_ws_client *first = registered("twice", NULL), *second = client_for("Cother", NULL);
    const onem2m_ws_response *answer;
    size_t length = 0;
    char small[4], entity[7];
    EQUAL(onem2m_ws_client_register_ae(second, NULL, "Ntest", "twice", NULL, 0), ONEM2M_WS_REGISTRATION_REFUSED);
    answer = onem2m_ws_last_error_response();
    CHECK(answer != NULL);
    EQUAL(onem2m_ws_response_status(answer), 4105);
    ERROR_SAYS("4105");
    EQUAL(onem2m_ws_client_register_ae(second, NULL, "Ntest", "third", "[]", 0), ONEM2M_WS_INVALID_ARGUMENT);
    EQUAL(onem2m_ws_client_entity(first, small, sizeof small, &length), ONEM2M_WS_INVALID_ARGUMENT);
    EQUAL(length, 6);
    ERROR_SAYS("7 are needed");
    OK(onem2m_ws_client_entity(first, entity, sizeof entity, NULL));
    CHECK(strcmp(entity, "Ctwice") == 0);
    onem2m_ws_client_free(first);
    onem2m_ws_client_free(second);
}

static void bad_send_after_close(void) {
    onem2m_ws_client *client = registered("closed", NULL);
    onem2m_ws_request *request = request_for(ONEM2M_WS_RETRIEVE, "cse-in", 0, NULL);
    OK(onem2m_ws_client_close(client, 10000));
    OK(onem2m_ws_client_close(client, 10000));
    EQUAL(onem2m_ws_client_state(client), ONEM2M_WS_CLIENT_CLOSED);
    EQUAL(onem2m_ws_client_send(client, request, 0, NULL), ONEM2M_WS_CLOSED);
    EQUAL(onem2m_ws_client_notify(client, "a", "{}", 0, NULL), ONEM2M_WS_CLOSED);
    EQUAL(onem2m_ws_client_connect(client, 0), ONEM2M_WS_CLOSED);
    OK(onem2m_ws_client_disconnect(client, 0));
    onem2m_ws_request_free(request);
    onem2m_ws_client_free(client);
}

static void bad_answer_that_never_comes(void) {
    proxy *p = proxy_new();
    onem2m_ws_client *client = client_to(proxy_url(p), "{\"request_timeout_ms\":700}");
    onem2m_ws_request *request = request_for(ONEM2M_WS_RETRIEVE, "cse-in", 0, NULL);
    onem2m_ws_counters counters;
    long long before;
    OK(onem2m_ws_client_register_ae(client, NULL, "Ntest", NULL, NULL, 0));
    proxy_mute(p, 1);
    before = now_ms();
    EQUAL(onem2m_ws_client_send(client, request, 100, NULL), ONEM2M_WS_TIMEOUT);
    CHECK(now_ms() - before >= 100 && now_ms() - before < 600);
    before = now_ms();
    EQUAL(onem2m_ws_client_send(client, request, 0, NULL), ONEM2M_WS_TIMEOUT);
    CHECK(now_ms() - before >= 650 && now_ms() - before < 10000);
    OK(onem2m_ws_request_set_expiration_ms(request, 200));
    before = now_ms();
    EQUAL(onem2m_ws_client_send(client, request, 0, NULL), ONEM2M_WS_TIMEOUT);
    CHECK(now_ms() - before < 650);
    counters.struct_size = sizeof counters;
    OK(onem2m_ws_client_counters(client, &counters));
    EQUAL(counters.requests_sent, 4);
    EQUAL(counters.responses_received, 1);
    onem2m_ws_request_free(request);
    onem2m_ws_client_free(client);
}

static void expects_closed(void *user_data, int32_t result, const onem2m_ws_response *response) {
    EQUAL(result, ONEM2M_WS_CLOSED);
    CHECK(response == NULL);
    counter_add((counter *)user_data);
}

static void bad_identifier_that_is_pending_and_a_full_queue(void) {
    proxy *p = proxy_new();
    counter *done = counter_new();
    onem2m_ws_client *client = client_to(proxy_url(p), "{\"window\":1,\"queued_requests\":2}");
    onem2m_ws_request *request = request_for(ONEM2M_WS_RETRIEVE, "cse-in", 0, NULL);
    OK(onem2m_ws_client_register_ae(client, NULL, "Ntest", NULL, NULL, 0));
    proxy_mute(p, 1);
    OK(onem2m_ws_request_set_id(request, "same"));
    OK(onem2m_ws_client_send_async(client, request, expects_closed, done, NULL));
    EQUAL(onem2m_ws_client_send_async(client, request, expects_closed, done, NULL), ONEM2M_WS_DUPLICATE_REQUEST_ID);
    OK(onem2m_ws_request_set_id(request, NULL));
    OK(onem2m_ws_client_send_async(client, request, expects_closed, done, NULL));
    OK(onem2m_ws_client_send_async(client, request, expects_closed, done, NULL));
    EQUAL(onem2m_ws_client_send(client, request, 0, NULL), ONEM2M_WS_QUEUE_FULL);
    onem2m_ws_request_free(request);
    onem2m_ws_client_free(client);
    EQUAL(counter_get(done), 3);
}

static void bad_address_that_is_in_use(void) {
    onem2m_ws_registrar_config *config = NULL;
    onem2m_ws_registrar *second = NULL;
    OK(onem2m_ws_registrar_config_new(&config));
    OK(onem2m_ws_registrar_config_set_listen(config, registrar_url()));
    EQUAL(onem2m_ws_registrar_start(config, &second), ONEM2M_WS_NETWORK);
    ERROR_SAYS(strrchr(registrar_url(), ':') + 1);
    onem2m_ws_registrar_config_free(config);
    // The first goes on.
    onem2m_ws_client_free(registered("stillthere", NULL));
}

const test tests_bad_input[] = {
    {"bad_refused_connection", bad_refused_connection},
    {"bad_unknown_host", bad_unknown_host},
    {"bad_server_that_stays_silent", bad_server_that_stays_silent},
    {"bad_server_that_refuses_shows_status_and_body", bad_server_that_refuses_shows_status_and_body},
    {"bad_server_that_speaks_no_websocket", bad_server_that_speaks_no_websocket},
    {"bad_proxy", bad_proxy},
    {"bad_request_without_a_registration", bad_request_without_a_registration},
    {"bad_registration_that_is_refused_shows_the_answer", bad_registration_that_is_refused_shows_the_answer},
    {"bad_send_after_close", bad_send_after_close},
    {"bad_answer_that_never_comes", bad_answer_that_never_comes},
    {"bad_identifier_that_is_pending_and_a_full_queue", bad_identifier_that_is_pending_and_a_full_queue},
    {"bad_address_that_is_in_use", bad_address_that_is_in_use},
    {NULL, NULL},
};
