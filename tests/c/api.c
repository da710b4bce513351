// What needs no connection: arguments, requests and responses, settings, errors.
#include "test.h"

#include <pthread.h>

uint32_t abi_in_second_unit(void);

static void nothing(void *user_data, int32_t result, const onem2m_ws_response *response) {
    (void)user_data;
    (void)result;
    (void)response;
}

static void api_version_is_that_of_the_header(void) {
    char version[40];
    snprintf(version, sizeof version, "%d.%d.%d", ONEM2M_WS_VERSION_MAJOR, ONEM2M_WS_VERSION_MINOR,
             ONEM2M_WS_VERSION_PATCH);
    CHECK(strcmp(version, onem2m_ws_version()) == 0);
    CHECK(strcmp(version, ONEM2M_WS_VERSION) == 0);
    EQUAL(abi_in_second_unit(), ONEM2M_WS_ABI);
    CHECK(strcmp(onem2m_ws_result_name(ONEM2M_WS_TIMEOUT), "ONEM2M_WS_TIMEOUT") == 0);
    CHECK(strcmp(onem2m_ws_result_name(0), "ONEM2M_WS_OK") == 0);
    CHECK(strcmp(onem2m_ws_result_name(-99999), "unknown") == 0);
}

static void api_null_is_an_error_everywhere_and_free_takes_it(void) {
    const int32_t bad = ONEM2M_WS_INVALID_ARGUMENT;
    onem2m_ws_client *client = client_for("Cnull", NULL);
    onem2m_ws_client_config *config = config_for("ws://127.0.0.1:1", "Cnull");
    onem2m_ws_registrar_config *registrar_config = NULL;
    onem2m_ws_request *request = request_for(ONEM2M_WS_RETRIEVE, "cse-in", 0, NULL);
    onem2m_ws_response *response = NULL;
    onem2m_ws_counters counters;
    size_t length;
    char buffer[8];

    OK(onem2m_ws_registrar_config_new(&registrar_config));
    OK(onem2m_ws_response_new(2000, NULL, &response));
    onem2m_ws_client_config_free(NULL);
    onem2m_ws_client_free(NULL);
    onem2m_ws_request_free(NULL);
    onem2m_ws_response_free(NULL);
    onem2m_ws_registrar_config_free(NULL);
    onem2m_ws_registrar_free(NULL);

    EQUAL(onem2m_ws_client_config_new(NULL, &config), bad);
    CHECK(config == NULL);
    ERROR_SAYS("`point_of_access` is NULL");
    config = config_for("ws://127.0.0.1:1", "Cnull");
    EQUAL(onem2m_ws_client_config_new("ws://h", NULL), bad);
    EQUAL(onem2m_ws_client_config_load_json(NULL, "{}"), bad);
    EQUAL(onem2m_ws_client_config_load_json(config, NULL), bad);
    EQUAL(onem2m_ws_client_config_set_preset(NULL, "acme"), bad);
    EQUAL(onem2m_ws_client_config_set_preset(config, NULL), bad);
    EQUAL(onem2m_ws_client_config_set_originator(NULL, "C"), bad);
    OK(onem2m_ws_client_config_set_originator(config, NULL));
    EQUAL(onem2m_ws_client_config_set_registered(NULL, true), bad);
    EQUAL(onem2m_ws_client_config_set_stay_connected(NULL, true), bad);
    EQUAL(onem2m_ws_client_config_set_poll_mode(NULL, true), bad);
    EQUAL(onem2m_ws_client_config_set_open_timeout_ms(NULL, 1), bad);
    EQUAL(onem2m_ws_client_config_set_request_timeout_ms(NULL, 1), bad);
    EQUAL(onem2m_ws_client_config_set_answer_timeout_ms(NULL, 1), bad);
    EQUAL(onem2m_ws_client_config_set_ping_after_ms(NULL, 1), bad);
    EQUAL(onem2m_ws_client_config_set_pong_timeout_ms(NULL, 1), bad);
    EQUAL(onem2m_ws_client_config_set_idle_close_ms(NULL, 1), bad);
    EQUAL(onem2m_ws_client_config_set_fragment_size(NULL, 1), bad);
    EQUAL(onem2m_ws_client_config_set_compression(NULL, true), bad);
    EQUAL(onem2m_ws_client_config_set_proxy(NULL, "proxy"), bad);
    OK(onem2m_ws_client_config_set_proxy(config, NULL));
    EQUAL(onem2m_ws_client_config_set_proxy_from_environment(NULL, true), bad);
    EQUAL(onem2m_ws_client_config_set_proxy_credentials(NULL, "u", "p"), bad);
    OK(onem2m_ws_client_config_set_proxy_credentials(config, NULL, NULL));
    EQUAL(onem2m_ws_client_config_set_basic(NULL, "u", "p"), bad);
    OK(onem2m_ws_client_config_set_basic(config, NULL, NULL));
    EQUAL(onem2m_ws_client_config_set_bearer(NULL, "t"), bad);
    OK(onem2m_ws_client_config_set_bearer(config, NULL));
    EQUAL(onem2m_ws_client_config_set_window(NULL, 1), bad);
    EQUAL(onem2m_ws_client_config_set_queue(NULL, 1, 1), bad);
    EQUAL(onem2m_ws_client_config_set_max_message_size(NULL, 1), bad);
    EQUAL(onem2m_ws_client_config_set_waiting_requests(NULL, 1), bad);
    EQUAL(onem2m_ws_client_config_set_accepts(NULL, 0), bad);
    EQUAL(onem2m_ws_client_config_set_release_version(NULL, "3"), bad);
    OK(onem2m_ws_client_config_set_release_version(config, NULL));
    EQUAL(onem2m_ws_client_config_set_header(NULL, "a", "b"), bad);
    EQUAL(onem2m_ws_client_config_set_header(config, NULL, "b"), bad);
    EQUAL(onem2m_ws_client_config_set_header(config, "a", NULL), bad);
    EQUAL(onem2m_ws_client_config_set_strict(NULL, true), bad);

    EQUAL(onem2m_ws_request_new(ONEM2M_WS_RETRIEVE, NULL, 0, NULL, &request), bad);
    CHECK(request == NULL);
    request = request_for(ONEM2M_WS_RETRIEVE, "cse-in", 0, NULL);
    EQUAL(onem2m_ws_request_new(ONEM2M_WS_RETRIEVE, "cse-in", 0, NULL, NULL), bad);
    EQUAL(onem2m_ws_request_from_json("{\"op\":2,\"to\":\"cse-in\"}", NULL), bad);
    EQUAL(onem2m_ws_request_from_json(NULL, &request), bad);
    request = request_for(ONEM2M_WS_RETRIEVE, "cse-in", 0, NULL);
    EQUAL(onem2m_ws_request_set(NULL, "rcn", "1"), bad);
    EQUAL(onem2m_ws_request_set(request, NULL, "1"), bad);
    EQUAL(onem2m_ws_request_set(request, "rcn", NULL), bad);
    EQUAL(onem2m_ws_request_set_from(NULL, "C"), bad);
    EQUAL(onem2m_ws_request_set_id(NULL, "1"), bad);
    EQUAL(onem2m_ws_request_set_expiration_ms(NULL, 1), bad);
    EQUAL(onem2m_ws_request_operation(NULL), bad);
    EQUAL(onem2m_ws_request_resource_type(NULL), bad);
    TEXT(onem2m_ws_request_to(NULL), NULL);
    TEXT(onem2m_ws_request_from(NULL), NULL);
    TEXT(onem2m_ws_request_id(NULL), NULL);
    TEXT(onem2m_ws_request_content(NULL), NULL);
    TEXT(onem2m_ws_request_parameter(NULL, "to"), NULL);
    TEXT(onem2m_ws_request_parameter(request, NULL), NULL);
    ERROR_SAYS("`short_name` is NULL");
    TEXT(onem2m_ws_request_to_json(NULL), NULL);
    EQUAL(onem2m_ws_request_respond(NULL, 2000, NULL), bad);
    EQUAL(onem2m_ws_request_respond_with(NULL, response), bad);
    EQUAL(onem2m_ws_request_respond_with(request, NULL), bad);

    EQUAL(onem2m_ws_response_new(2000, NULL, NULL), bad);
    EQUAL(onem2m_ws_response_from_json(NULL, &response), bad);
    OK(onem2m_ws_response_new(2000, NULL, &response));
    EQUAL(onem2m_ws_response_clone(response, NULL), bad);
    EQUAL(onem2m_ws_response_set(NULL, "fr", "\"x\""), bad);
    EQUAL(onem2m_ws_response_status(NULL), bad);
    CHECK(!onem2m_ws_response_is_success(NULL));
    TEXT(onem2m_ws_response_content(NULL), NULL);
    TEXT(onem2m_ws_response_request_id(NULL), NULL);
    TEXT(onem2m_ws_response_from(NULL), NULL);
    TEXT(onem2m_ws_response_to(NULL), NULL);
    TEXT(onem2m_ws_response_parameter(NULL, "fr"), NULL);
    TEXT(onem2m_ws_response_to_json(NULL), NULL);

    EQUAL(onem2m_ws_client_new(config, NULL, NULL), bad);
    EQUAL(onem2m_ws_client_connect(NULL, 1), bad);
    EQUAL(onem2m_ws_client_connect_async(NULL, nothing, NULL, NULL), bad);
    EQUAL(onem2m_ws_client_connect_async(client, NULL, NULL, NULL), bad);
    ERROR_SAYS("`completion` is NULL");
    EQUAL(onem2m_ws_client_register_ae(NULL, NULL, "N", NULL, NULL, 1), bad);
    EQUAL(onem2m_ws_client_register_ae(client, NULL, NULL, NULL, NULL, 1), bad);
    EQUAL(onem2m_ws_client_register_ae_async(NULL, NULL, "N", NULL, NULL, nothing, NULL, NULL), bad);
    EQUAL(onem2m_ws_client_register_cse(NULL, NULL, "/id", "cse", NULL, 1), bad);
    EQUAL(onem2m_ws_client_register_cse(client, NULL, NULL, "cse", NULL, 1), bad);
    EQUAL(onem2m_ws_client_register_cse(client, NULL, "/id", NULL, NULL, 1), bad);
    EQUAL(onem2m_ws_client_register_cse_async(NULL, NULL, "/id", "cse", NULL, nothing, NULL, NULL), bad);
    EQUAL(onem2m_ws_client_send(NULL, request, 1, &response), bad);
    EQUAL(onem2m_ws_client_send(client, NULL, 1, &response), bad);
    CHECK(response == NULL);
    EQUAL(onem2m_ws_client_send_async(NULL, request, nothing, NULL, NULL), bad);
    EQUAL(onem2m_ws_client_send_async(client, NULL, nothing, NULL, NULL), bad);
    EQUAL(onem2m_ws_client_notify(NULL, "a", "{}", 1, NULL), bad);
    EQUAL(onem2m_ws_client_notify(client, NULL, "{}", 1, NULL), bad);
    EQUAL(onem2m_ws_client_notify(client, "a", NULL, 1, NULL), bad);
    EQUAL(onem2m_ws_client_notify_async(NULL, "a", "{}", nothing, NULL, NULL), bad);
    EQUAL(onem2m_ws_client_subscribe(NULL, "a", NULL, 1, NULL), bad);
    EQUAL(onem2m_ws_client_subscribe(client, NULL, NULL, 1, NULL), bad);
    EQUAL(onem2m_ws_client_subscribe_async(NULL, "a", NULL, nothing, NULL, NULL), bad);
    EQUAL(onem2m_ws_client_disconnect(NULL, 1), bad);
    EQUAL(onem2m_ws_client_disconnect_async(NULL, nothing, NULL, NULL), bad);
    EQUAL(onem2m_ws_client_close(NULL, 1), bad);
    EQUAL(onem2m_ws_client_close_async(NULL, nothing, NULL, NULL), bad);
    EQUAL(onem2m_ws_client_cancel(NULL, 1), bad);
    EQUAL(onem2m_ws_client_fd(NULL), bad);
    EQUAL(onem2m_ws_client_dispatch(NULL, 0), bad);
    EQUAL(onem2m_ws_client_state(NULL), bad);
    EQUAL(onem2m_ws_client_entity(NULL, buffer, sizeof buffer, &length), bad);
    EQUAL(onem2m_ws_client_counters(NULL, &counters), bad);
    EQUAL(onem2m_ws_client_counters(client, NULL), bad);

    EQUAL(onem2m_ws_registrar_config_new(NULL), bad);
    EQUAL(onem2m_ws_registrar_config_load_json(NULL, "{}"), bad);
    EQUAL(onem2m_ws_registrar_config_load_json(registrar_config, NULL), bad);
    EQUAL(onem2m_ws_registrar_config_set_listen(registrar_config, NULL), bad);
    EQUAL(onem2m_ws_registrar_config_set_cse_id(registrar_config, NULL), bad);
    EQUAL(onem2m_ws_registrar_config_set_cse_name(registrar_config, NULL), bad);
    EQUAL(onem2m_ws_registrar_config_set_admin(registrar_config, NULL), bad);
    EQUAL(onem2m_ws_registrar_config_set_allow_insecure(NULL, true), bad);
    EQUAL(onem2m_ws_registrar_config_set_points_of_access(NULL, "ws://h"), bad);
    EQUAL(onem2m_ws_registrar_config_set_points_of_access(registrar_config, NULL), bad);
    EQUAL(onem2m_ws_registrar_config_set_max_connections(NULL, 1), bad);
    EQUAL(onem2m_ws_registrar_config_set_max_message_size(NULL, 1), bad);
    EQUAL(onem2m_ws_registrar_config_set_handshake_timeout_ms(NULL, 1), bad);
    EQUAL(onem2m_ws_registrar_config_set_request_timeout_ms(NULL, 1), bad);
    EQUAL(onem2m_ws_registrar_config_set_ping_after_ms(NULL, 1), bad);
    EQUAL(onem2m_ws_registrar_config_set_compression(NULL, true), bad);
    EQUAL(onem2m_ws_registrar_config_set_strict(NULL, true), bad);
    EQUAL(onem2m_ws_registrar_start(registrar_config, NULL), bad);
    TEXT(onem2m_ws_registrar_point_of_access(NULL, 0), NULL);
    EQUAL(onem2m_ws_registrar_stop(NULL, 1), bad);

    onem2m_ws_registrar_config_free(registrar_config);
    onem2m_ws_request_free(request);
    onem2m_ws_client_config_free(config);
    onem2m_ws_client_free(client);
    // Last, since it makes client NULL.
    EQUAL(onem2m_ws_client_new(NULL, NULL, &client), bad);
    CHECK(client == NULL);
}

static void api_text_that_is_not_utf8_is_an_error(void) {
    const char *bytes = "caf\xe9";
    onem2m_ws_client_config *config = NULL;
    onem2m_ws_request *request = request_for(ONEM2M_WS_RETRIEVE, "cse-in", 0, NULL), *other = NULL;
    onem2m_ws_response *response = NULL;
    onem2m_ws_client *client = client_for("Cutf8", NULL);

    EQUAL(onem2m_ws_client_config_new(bytes, &config), ONEM2M_WS_INVALID_ARGUMENT);
    ERROR_SAYS("`point_of_access` is not UTF-8, from byte 3");
    config = config_for("ws://127.0.0.1:1", "C");
    EQUAL(onem2m_ws_client_config_set_originator(config, bytes), ONEM2M_WS_INVALID_ARGUMENT);
    EQUAL(onem2m_ws_client_config_load_json(config, bytes), ONEM2M_WS_INVALID_ARGUMENT);
    EQUAL(onem2m_ws_client_config_set_preset(config, bytes), ONEM2M_WS_INVALID_ARGUMENT);
    EQUAL(onem2m_ws_client_config_set_header(config, "x", bytes), ONEM2M_WS_INVALID_ARGUMENT);
    EQUAL(onem2m_ws_client_config_set_proxy(config, bytes), ONEM2M_WS_INVALID_ARGUMENT);
    EQUAL(onem2m_ws_client_config_set_proxy_credentials(config, "u", bytes), ONEM2M_WS_INVALID_ARGUMENT);
    EQUAL(onem2m_ws_client_config_set_basic(config, "u", bytes), ONEM2M_WS_INVALID_ARGUMENT);
    EQUAL(onem2m_ws_client_config_set_bearer(config, bytes), ONEM2M_WS_INVALID_ARGUMENT);
    EQUAL(onem2m_ws_request_new(ONEM2M_WS_RETRIEVE, bytes, 0, NULL, &other), ONEM2M_WS_INVALID_ARGUMENT);
    EQUAL(onem2m_ws_request_new(ONEM2M_WS_NOTIFY, "a", 0, bytes, &other), ONEM2M_WS_INVALID_ARGUMENT);
    EQUAL(onem2m_ws_request_from_json(bytes, &other), ONEM2M_WS_INVALID_ARGUMENT);
    EQUAL(onem2m_ws_request_set_from(request, bytes), ONEM2M_WS_INVALID_ARGUMENT);
    EQUAL(onem2m_ws_request_set_id(request, bytes), ONEM2M_WS_INVALID_ARGUMENT);
    EQUAL(onem2m_ws_request_set(request, bytes, "1"), ONEM2M_WS_INVALID_ARGUMENT);
    EQUAL(onem2m_ws_request_set(request, "rcn", bytes), ONEM2M_WS_INVALID_ARGUMENT);
    TEXT(onem2m_ws_request_parameter(request, bytes), NULL);
    EQUAL(onem2m_ws_response_new(2000, bytes, &response), ONEM2M_WS_INVALID_ARGUMENT);
    EQUAL(onem2m_ws_client_register_ae(client, NULL, bytes, NULL, NULL, 1), ONEM2M_WS_INVALID_ARGUMENT);
    EQUAL(onem2m_ws_client_register_ae(client, bytes, "N", NULL, NULL, 1), ONEM2M_WS_INVALID_ARGUMENT);
    EQUAL(onem2m_ws_client_subscribe(client, bytes, NULL, 1, NULL), ONEM2M_WS_INVALID_ARGUMENT);
    EQUAL(onem2m_ws_client_subscribe(client, "a", bytes, 1, NULL), ONEM2M_WS_INVALID_ARGUMENT);
    EQUAL(onem2m_ws_client_notify(client, "a", bytes, 1, NULL), ONEM2M_WS_INVALID_ARGUMENT);
    // None of that has changed anything.
    TEXT(onem2m_ws_request_to_json(request), "{\"op\":2,\"to\":\"cse-in\"}");
    onem2m_ws_request_free(request);
    onem2m_ws_client_config_free(config);
    onem2m_ws_client_free(client);
}

static void api_requests_have_every_parameter(void) {
    onem2m_ws_request *request =
        request_for(ONEM2M_WS_CREATE, "cse-in/ae", ONEM2M_WS_CONTENT_INSTANCE, " {\"m2m:cin\":{\"con\":9007199254740993}} ");
    onem2m_ws_request *same = NULL;
    onem2m_ws_text json;
    char copy[400];

    EQUAL(onem2m_ws_request_operation(request), ONEM2M_WS_CREATE);
    EQUAL(onem2m_ws_request_resource_type(request), 4);
    TEXT(onem2m_ws_request_to(request), "cse-in/ae");
    TEXT(onem2m_ws_request_from(request), NULL);
    TEXT(onem2m_ws_request_id(request), NULL);
    TEXT(onem2m_ws_request_content(request), "{\"m2m:cin\":{\"con\":9007199254740993}}");
    TEXT(onem2m_ws_request_parameter(request, "rqi"), NULL);
    OK(onem2m_ws_request_set_from(request, "Cae"));
    OK(onem2m_ws_request_set_id(request, "r1"));
    OK(onem2m_ws_request_set_expiration_ms(request, 2500));
    OK(onem2m_ws_request_set(request, "rcn", "0"));
    OK(onem2m_ws_request_set(request, "rt", "{\"rtv\":3,\"nu\":[\"a\"]}"));
    OK(onem2m_ws_request_set(request, "vsi", "\"\xc3\xa9\""));
    OK(onem2m_ws_request_set(request, "mine", "[1, 2]"));
    TEXT(onem2m_ws_request_from(request), "Cae");
    TEXT(onem2m_ws_request_id(request), "r1");
    TEXT(onem2m_ws_request_parameter(request, "rqet"), "\"2500\"");
    TEXT(onem2m_ws_request_parameter(request, "rcn"), "0");
    TEXT(onem2m_ws_request_parameter(request, "rt"), "{\"rtv\":3,\"nu\":[\"a\"]}");
    TEXT(onem2m_ws_request_parameter(request, "vsi"), "\"\xc3\xa9\"");
    TEXT(onem2m_ws_request_parameter(request, "mine"), "[1, 2]");
    TEXT(onem2m_ws_request_parameter(request, "drt"), NULL);
    TEXT(onem2m_ws_request_content(request), "{\"m2m:cin\":{\"con\":9007199254740993}}");

    json = onem2m_ws_request_to_json(request);
    CHECK(json.len < sizeof copy);
    memcpy(copy, json.data, json.len);
    copy[json.len] = '\0';
    OK(onem2m_ws_request_from_json(copy, &same));
    TEXT(onem2m_ws_request_to_json(same), copy);
    onem2m_ws_request_free(same);

    OK(onem2m_ws_request_set(request, "mine", "null"));
    OK(onem2m_ws_request_set_id(request, NULL));
    OK(onem2m_ws_request_set_from(request, NULL));
    OK(onem2m_ws_request_set_expiration_ms(request, 0));
    TEXT(onem2m_ws_request_parameter(request, "mine"), NULL);
    TEXT(onem2m_ws_request_id(request), NULL);
    TEXT(onem2m_ws_request_parameter(request, "rqet"), NULL);
    onem2m_ws_request_free(request);

    // Without an identifier, and wrapped as some peers do.
    OK(onem2m_ws_request_from_json("{\"op\":2,\"to\":\"cse-in\"}", &request));
    TEXT(onem2m_ws_request_id(request), NULL);
    onem2m_ws_request_free(request);
    OK(onem2m_ws_request_from_json("{\"m2m:rqp\":{\"op\":2,\"to\":\"cse-in\",\"rqi\":\"7\"}}", &request));
    TEXT(onem2m_ws_request_id(request), "7");
    onem2m_ws_request_free(request);
}

static void api_requests_that_cannot_be_are_refused(void) {
    onem2m_ws_request *request = NULL;
    EQUAL(onem2m_ws_request_new(0, "a", 0, NULL, &request), ONEM2M_WS_INVALID_ARGUMENT);
    EQUAL(onem2m_ws_request_new(6, "a", 0, NULL, &request), ONEM2M_WS_INVALID_ARGUMENT);
    ERROR_SAYS("`operation` is 6");
    EQUAL(onem2m_ws_request_new(1, "a", -3, NULL, &request), ONEM2M_WS_INVALID_ARGUMENT);
    EQUAL(onem2m_ws_request_new(1, "a", 3, "5", &request), ONEM2M_WS_INVALID_ARGUMENT);
    ERROR_SAYS("not an object");
    EQUAL(onem2m_ws_request_new(1, "a", 3, "[{}]", &request), ONEM2M_WS_INVALID_ARGUMENT);
    EQUAL(onem2m_ws_request_new(1, "a", 3, "\"m2m:cnt\"", &request), ONEM2M_WS_INVALID_ARGUMENT);
    EQUAL(onem2m_ws_request_new(1, "a", 3, "{\"m2m:cnt\":", &request), ONEM2M_WS_INVALID_ARGUMENT);
    ERROR_SAYS("not JSON");
    EQUAL(onem2m_ws_request_new(1, "a", 3, "{} {}", &request), ONEM2M_WS_INVALID_ARGUMENT);
    EQUAL(onem2m_ws_request_new(1, "a", 3, "", &request), ONEM2M_WS_INVALID_ARGUMENT);
    CHECK(request == NULL);
    EQUAL(onem2m_ws_request_from_json("7", &request), ONEM2M_WS_DECODE);
    EQUAL(onem2m_ws_request_from_json("[]", &request), ONEM2M_WS_DECODE);
    EQUAL(onem2m_ws_request_from_json("{\"to\":\"a\"}", &request), ONEM2M_WS_DECODE);
    EQUAL(onem2m_ws_request_from_json("{\"op\":2}", &request), ONEM2M_WS_DECODE);
    EQUAL(onem2m_ws_request_from_json("{\"op\":9,\"to\":\"a\",\"rqi\":\"1\"}", &request), ONEM2M_WS_DECODE);
    EQUAL(onem2m_ws_request_from_json("{\"op\":2,\"to\":\"a\",\"fr\":\"x\",\"fr\":\"y\"}", &request), ONEM2M_WS_DECODE);
    ERROR_SAYS("fr");
    EQUAL(onem2m_ws_request_from_json("{\"rsc\":2000,\"rqi\":\"1\"}", &request), ONEM2M_WS_DECODE);
    ERROR_SAYS("response");
    request = request_for(ONEM2M_WS_RETRIEVE, "a", 0, NULL);
    EQUAL(onem2m_ws_request_set(request, "op", "null"), ONEM2M_WS_DECODE);
    EQUAL(onem2m_ws_request_set(request, "rcn", "\"many\""), ONEM2M_WS_DECODE);
    EQUAL(onem2m_ws_request_set(request, "rcn", "1 2"), ONEM2M_WS_INVALID_ARGUMENT);
    EQUAL(onem2m_ws_request_respond(request, 2000, NULL), ONEM2M_WS_INVALID_STATE);
    TEXT(onem2m_ws_request_to_json(request), "{\"op\":2,\"to\":\"a\"}");
    onem2m_ws_request_free(request);
}

static void api_responses_have_every_parameter(void) {
    onem2m_ws_response *response = NULL, *copy = NULL;
    EQUAL(onem2m_ws_response_new(200, NULL, &response), ONEM2M_WS_INVALID_ARGUMENT);
    ERROR_SAYS("four digits");
    EQUAL(onem2m_ws_response_new(-2000, NULL, &response), ONEM2M_WS_INVALID_ARGUMENT);
    EQUAL(onem2m_ws_response_new(67536, NULL, &response), ONEM2M_WS_INVALID_ARGUMENT);
    EQUAL(onem2m_ws_response_new(2000, "1", &response), ONEM2M_WS_INVALID_ARGUMENT);
    EQUAL(onem2m_ws_response_from_json("{\"op\":2,\"to\":\"a\",\"rqi\":\"1\"}", &response), ONEM2M_WS_DECODE);
    OK(onem2m_ws_response_new(4004, "{\"m2m:dbg\":\"no\"}", &response));
    EQUAL(onem2m_ws_response_status(response), 4004);
    CHECK(!onem2m_ws_response_is_success(response));
    OK(onem2m_ws_response_set(response, "rsc", "2004"));
    OK(onem2m_ws_response_set(response, "fr", "\"/id-in\""));
    OK(onem2m_ws_response_set(response, "to", "\"Cae\""));
    OK(onem2m_ws_response_set(response, "cnst", "2"));
    CHECK(onem2m_ws_response_is_success(response));
    OK(onem2m_ws_response_clone(response, &copy));
    onem2m_ws_response_free(response);
    TEXT(onem2m_ws_response_content(copy), "{\"m2m:dbg\":\"no\"}");
    TEXT(onem2m_ws_response_from(copy), "/id-in");
    TEXT(onem2m_ws_response_to(copy), "Cae");
    TEXT(onem2m_ws_response_request_id(copy), NULL);
    TEXT(onem2m_ws_response_parameter(copy, "cnst"), "2");
    TEXT(onem2m_ws_response_to_json(copy),
         "{\"rsc\":2004,\"pc\":{\"m2m:dbg\":\"no\"},\"to\":\"Cae\",\"fr\":\"/id-in\",\"cnst\":2}");
    onem2m_ws_response_free(copy);
    OK(onem2m_ws_response_from_json("{\"rsc\":2000,\"rqi\":\"1\"}", &response));
    TEXT(onem2m_ws_response_request_id(response), "1");
    onem2m_ws_response_free(response);
}

static void api_settings_are_checked_as_they_come(void) {
    onem2m_ws_client_config *config = NULL;
    onem2m_ws_registrar_config *registrar_config = NULL;
    onem2m_ws_registrar *r = NULL;
    onem2m_ws_client *client = NULL;
    EQUAL(onem2m_ws_client_config_new("http://127.0.0.1", &config), ONEM2M_WS_INVALID_ARGUMENT);
    EQUAL(onem2m_ws_client_config_new("", &config), ONEM2M_WS_INVALID_ARGUMENT);
    OK(onem2m_ws_client_config_new("ws://127.0.0.1:1", &config));
    EQUAL(onem2m_ws_client_config_load_json(config, "{\"windoww\":3}"), ONEM2M_WS_INVALID_ARGUMENT);
    ERROR_SAYS("windoww");
    EQUAL(onem2m_ws_client_config_load_json(config, "{\"window\":-3}"), ONEM2M_WS_INVALID_ARGUMENT);
    EQUAL(onem2m_ws_client_config_load_json(config, "[]"), ONEM2M_WS_INVALID_ARGUMENT);
    EQUAL(onem2m_ws_client_config_load_json(config, "{\"point_of_access\":null}"), ONEM2M_WS_INVALID_ARGUMENT);
    EQUAL(onem2m_ws_client_config_load_json(config, "{\"accepts\":\"some\"}"), ONEM2M_WS_INVALID_ARGUMENT);
    EQUAL(onem2m_ws_client_config_set_accepts(config, 3), ONEM2M_WS_INVALID_ARGUMENT);
    EQUAL(onem2m_ws_client_config_set_preset(config, "mobiuss"), ONEM2M_WS_INVALID_ARGUMENT);
    OK(onem2m_ws_client_config_load_json(
        config, "{\"originator\":\"Cx\",\"preset\":\"acme\",\"registered\":true,\"stay_connected\":false,\"open_timeout_ms\":1000,"
                "\"request_timeout_ms\":2000,\"answer_timeout_ms\":3000,\"reopening_first_delay_ms\":1,"
                "\"reopening_largest_delay_ms\":2,\"reopening_stable_after_ms\":3,\"window\":4,\"queued_requests\":5,"
                "\"queued_bytes\":6000,\"max_message_size\":7000,\"ping_after_ms\":0,\"accepts\":\"notifications\","
                "\"release_version\":\"4\",\"origin_header\":false,\"headers\":{\"X-A\":\"b\"},"
                "\"subprotocols\":[\"oneM2M.json\"],\"allow_missing_subprotocol\":true,\"strict\":true,\"poll_mode\":true,"
                "\"waiting_requests\":8}"));
    OK(onem2m_ws_client_config_set_accepts(config, ONEM2M_WS_ACCEPT_NOTHING));
    OK(onem2m_ws_client_config_set_queue(config, 10, 10000));
    OK(onem2m_ws_client_config_set_header(config, "X-C", "d"));
    OK(onem2m_ws_client_new(config, NULL, &client));
    onem2m_ws_client_free(client);
    // What only the whole can tell.
    OK(onem2m_ws_client_config_set_window(config, 0));
    EQUAL(onem2m_ws_client_new(config, NULL, &client), ONEM2M_WS_INVALID_ARGUMENT);
    ERROR_SAYS("window");
    CHECK(client == NULL);
    onem2m_ws_client_config_free(config);

    OK(onem2m_ws_registrar_config_new(&registrar_config));
    EQUAL(onem2m_ws_registrar_config_load_json(registrar_config, "{\"port\":1}"), ONEM2M_WS_INVALID_ARGUMENT);
    OK(onem2m_ws_registrar_config_load_json(registrar_config, "{\"listen\":\"ws://127.0.0.1:0\",\"sp_id\":\"//sp.example\"}"));
    OK(onem2m_ws_registrar_config_set_cse_id(registrar_config, "/id-c"));
    OK(onem2m_ws_registrar_config_set_cse_name(registrar_config, "cse-c"));
    OK(onem2m_ws_registrar_config_set_admin(registrar_config, "CBoss"));
    OK(onem2m_ws_registrar_start(registrar_config, &r));
    TEXT(onem2m_ws_registrar_point_of_access(r, 1), NULL);
    OK(onem2m_ws_registrar_config_set_listen(registrar_config, "nowhere"));
    {
        onem2m_ws_registrar *second = r;
        EQUAL(onem2m_ws_registrar_start(registrar_config, &second), ONEM2M_WS_INVALID_ARGUMENT);
        CHECK(second == NULL);
    }
    OK(onem2m_ws_registrar_stop(r, 5000));
    OK(onem2m_ws_registrar_stop(r, 5000));
    onem2m_ws_registrar_free(r);
    onem2m_ws_registrar_config_free(registrar_config);
}

// What a setting is refused for at once names it and changes nothing, and a password is in no error.
static void api_settings_of_the_connection(void) {
    onem2m_ws_client_config *config = config_for("ws://127.0.0.1:1", "Cx");
    onem2m_ws_client *client = NULL;
    const char *const refused[][2] = {
        {"{\"compression\":1}", "compression"},
        {"{\"compression\":{\"lvl\":1}}", "lvl"},
        {"{\"compression\":{\"level\":0}}", "level is 0"},
        {"{\"compression\":{\"send_window_bits\":16}}", "send_window_bits is 16"},
        {"{\"compression\":{\"send_window_bits\":300}}", "compression"},
        {"{\"proxy_password\":271828}", "no text"},
        {"{\"basic_password\":271828}", "no text"},
        {"{\"bearer\":[\"hunter2\"]}", "no text"},
        {"{\"proxy\":{\"url\":\"hunter2\"}}", "no text"},
        {"{\"max_control_frames\":-1}", "-1"},
    };
    const char *const out_of_range[][2] = {
        {"{\"max_fragments\":0}", "max_fragments"},
        {"{\"max_control_frames\":0}", "max_control_frames"},
        {"{\"max_handshake_bytes\":255}", "max_handshake_bytes"},
        {"{\"max_handshake_bytes\":1048577}", "max_handshake_bytes"},
        {"{\"max_handshake_fields\":7}", "max_handshake_fields"},
        {"{\"max_handshake_fields\":1025}", "max_handshake_fields"},
        {"{\"max_message_size\":0}", "max_message_size"},
        {"{\"pong_timeout_ms\":0}", "pong_timeout"},
        {"{\"write_timeout_ms\":0}", "write_timeout"},
        {"{\"close_timeout_ms\":99999999999}", "close_timeout"},
        {"{\"idle_close_ms\":99999999999}", "idle_close"},
        {"{\"message_gap_ms\":99999999999}", "message_gap"},
        {"{\"proxy\":\"ftp://u:hunter2@proxy\"}", "http://[user:password@]host[:port]"},
        {"{\"proxy_user\":\"u\"}", "without a proxy"},
        {"{\"basic_user\":\"u:v\",\"basic_password\":\"hunter2\"}", "colon"},
        {"{\"bearer\":\"hunter2 \"}", "letters"},
        {"{\"bearer\":\"hunter2\",\"basic_user\":\"u\"}", "or bearer"},
        {"{\"bearer\":\"hunter2\",\"headers\":{\"authorization\":\"x\"}}", "besides"},
    };
    size_t i;
    for (i = 0; i < sizeof refused / sizeof *refused; i++) {
        EQUAL(onem2m_ws_client_config_load_json(config, refused[i][0]), ONEM2M_WS_INVALID_ARGUMENT);
        ERROR_SAYS(refused[i][1]);
        CHECK(strstr(onem2m_ws_last_error(), "271828") == NULL && strstr(onem2m_ws_last_error(), "hunter2") == NULL);
    }
    EQUAL(onem2m_ws_client_config_set_proxy(config, "http://u:hunter2@proxy\r\nX: y"), ONEM2M_WS_INVALID_ARGUMENT);
    CHECK(strstr(onem2m_ws_last_error(), "hunter2") == NULL);
    EQUAL(onem2m_ws_client_config_set_proxy(config, "https://u:hunter2@proxy"), ONEM2M_WS_INVALID_ARGUMENT);
    ERROR_SAYS("https://");
    EQUAL(onem2m_ws_client_config_set_proxy_credentials(config, "u:v", "hunter2"), ONEM2M_WS_INVALID_ARGUMENT);
    ERROR_SAYS("colon");
    EQUAL(onem2m_ws_client_config_set_basic(config, "u:v", "hunter2"), ONEM2M_WS_INVALID_ARGUMENT);
    ERROR_SAYS("colon");
    EQUAL(onem2m_ws_client_config_set_bearer(config, "hunter2\n"), ONEM2M_WS_INVALID_ARGUMENT);
    CHECK(strstr(onem2m_ws_last_error(), "hunter2") == NULL);
    EQUAL(onem2m_ws_client_config_set_proxy_credentials(config, "u", "hunter2\n"), ONEM2M_WS_INVALID_ARGUMENT);
    CHECK(strstr(onem2m_ws_last_error(), "hunter2") == NULL);
    for (i = 0; i < sizeof out_of_range / sizeof *out_of_range; i++) {
        onem2m_ws_client_config *other = config_for("ws://127.0.0.1:1", "Cx");
        OK(onem2m_ws_client_config_load_json(other, out_of_range[i][0]));
        EQUAL(onem2m_ws_client_new(other, NULL, &client), ONEM2M_WS_INVALID_ARGUMENT);
        ERROR_SAYS(out_of_range[i][1]);
        CHECK(strstr(onem2m_ws_last_error(), "hunter2") == NULL);
        onem2m_ws_client_config_free(other);
    }
    OK(onem2m_ws_client_config_load_json(
        config, "{\"max_fragments\":1,\"fragment_size\":0,\"max_control_frames\":1,\"max_handshake_bytes\":256,"
                "\"max_handshake_fields\":8,\"pong_timeout_ms\":1,\"write_timeout_ms\":1,\"close_timeout_ms\":1,"
                "\"idle_close_ms\":0,\"message_gap_ms\":0,\"proxy\":\"http://u:p@proxy:1\",\"proxy_from_environment\":true,"
                "\"compression\":true}"));
    OK(onem2m_ws_client_config_load_json(
        config, "{\"compression\":{\"send_takeover\":true,\"receive_takeover\":true,\"send_window_bits\":8,"
                "\"receive_window_bits\":9,\"level\":1,\"min_size\":0}}"));
    OK(onem2m_ws_client_config_set_compression(config, false));
    OK(onem2m_ws_client_config_set_fragment_size(config, 1));
    OK(onem2m_ws_client_config_set_pong_timeout_ms(config, 1));
    OK(onem2m_ws_client_config_set_idle_close_ms(config, 1));
    OK(onem2m_ws_client_new(config, NULL, &client));
    onem2m_ws_client_free(client);
    onem2m_ws_client_config_free(config);
    // A registrar that does not compress declines, and all goes on.
    config = config_for(registrar_url(), "Ccompressing");
    OK(onem2m_ws_client_config_set_compression(config, true));
    OK(onem2m_ws_client_new(config, NULL, &client));
    OK(onem2m_ws_client_register_ae(client, NULL, "Ntest", "compressing", NULL, 0));
    onem2m_ws_client_free(client);
    onem2m_ws_client_config_free(config);
}

// What is refused at once names the setting, and so does what is out of range when the registrar is started.
static void api_settings_of_a_registrar(void) {
    const char *const refused[][2] = {
        {"{\"compression\":{\"level\":0}}", "level is 0"},
        {"{\"listen\":1}", "a text, or a list of texts"},
        {"{\"paths\":[1]}", "a text, or a list of texts"},
        {"{\"max_connections\":-1}", "-1"},
        {"{\"strict\":1}", "boolean"},
    };
    const char *const out_of_range[][2] = {
        {"{\"max_connections\":0}", "max_connections"},
        {"{\"max_half_open\":0}", "max_half_open"},
        {"{\"max_half_open_per_address\":0}", "max_half_open_per_address"},
        {"{\"max_handshake_bytes\":255}", "max_handshake_bytes"},
        {"{\"max_handshake_fields\":1025}", "max_handshake_fields"},
        {"{\"max_message_size\":0}", "max_message_size"},
        {"{\"max_fragments\":0}", "max_fragments"},
        {"{\"max_control_frames\":0}", "max_control_frames"},
        {"{\"handshake_timeout_ms\":0}", "handshake_timeout"},
        {"{\"request_timeout_ms\":0}", "request_timeout"},
        {"{\"answer_timeout_ms\":99999999999}", "answer_timeout"},
        {"{\"pong_timeout_ms\":0}", "pong_timeout"},
        {"{\"write_timeout_ms\":0}", "write_timeout"},
        {"{\"close_timeout_ms\":0}", "close_timeout"},
        {"{\"ping_after_ms\":99999999999}", "ping_after"},
        {"{\"idle_close_ms\":99999999999}", "idle_close"},
        {"{\"paths\":\"a\"}", "\"a\""},
        {"{\"allow_origins\":[\"https://a.example\",\"null\"]}", "\"null\""},
        {"{\"listen\":\"ws://0.0.0.0:0\"}", "allow_insecure"},
        {"{\"points_of_access\":\"nowhere\"}", "nowhere"},
    };
    onem2m_ws_registrar_config *config = NULL;
    onem2m_ws_registrar *r = NULL;
    onem2m_ws_client_config *client_config;
    onem2m_ws_client *client = NULL;
    onem2m_ws_text url;
    char address[64];
    size_t i;
    OK(onem2m_ws_registrar_config_new(&config));
    for (i = 0; i < sizeof refused / sizeof *refused; i++) {
        EQUAL(onem2m_ws_registrar_config_load_json(config, refused[i][0]), ONEM2M_WS_INVALID_ARGUMENT);
        ERROR_SAYS(refused[i][1]);
    }
    for (i = 0; i < sizeof out_of_range / sizeof *out_of_range; i++) {
        onem2m_ws_registrar_config *other = NULL;
        OK(onem2m_ws_registrar_config_new(&other));
        OK(onem2m_ws_registrar_config_set_listen(other, "ws://127.0.0.1:0"));
        OK(onem2m_ws_registrar_config_load_json(other, out_of_range[i][0]));
        EQUAL(onem2m_ws_registrar_start(other, &r), ONEM2M_WS_INVALID_ARGUMENT);
        ERROR_SAYS(out_of_range[i][1]);
        onem2m_ws_registrar_config_free(other);
    }
    OK(onem2m_ws_registrar_config_load_json(
        config, "{\"listen\":[\"ws://127.0.0.1:0\",\"ws://0.0.0.0:0\"],\"paths\":[\"/onem2m\",\"/b\"],\"allow_origins\":"
                "\"https://a.example\",\"stray_subprotocols\":true,\"max_half_open\":5,\"max_half_open_per_address\":4,"
                "\"max_handshake_bytes\":4096,\"max_handshake_fields\":32,\"max_fragments\":10,\"fragment_size\":0,"
                "\"max_control_frames\":10,\"answer_timeout_ms\":5000,\"pong_timeout_ms\":5000,\"write_timeout_ms\":5000,"
                "\"close_timeout_ms\":5000,\"idle_close_ms\":0,\"compression\":{\"level\":1}}"));
    OK(onem2m_ws_registrar_config_set_allow_insecure(config, true));
    OK(onem2m_ws_registrar_config_set_max_connections(config, 1));
    OK(onem2m_ws_registrar_config_set_max_message_size(config, 3000));
    OK(onem2m_ws_registrar_config_set_handshake_timeout_ms(config, 5000));
    OK(onem2m_ws_registrar_config_set_request_timeout_ms(config, 5000));
    OK(onem2m_ws_registrar_config_set_ping_after_ms(config, 0));
    OK(onem2m_ws_registrar_config_set_compression(config, true));
    OK(onem2m_ws_registrar_config_set_strict(config, true));
    OK(onem2m_ws_registrar_start(config, &r));
    url = onem2m_ws_registrar_point_of_access(r, 0);
    CHECK(url.data != NULL && url.len < sizeof address);
    memcpy(address, url.data, url.len);
    address[url.len] = 0;
    CHECK(strstr(address, "/onem2m") != NULL);
    // The served path opens, and one connection is all there may be.
    client_config = config_for(address, "Cfirst");
    OK(onem2m_ws_client_config_set_compression(client_config, true));
    OK(onem2m_ws_client_new(client_config, NULL, &client));
    OK(onem2m_ws_client_register_ae(client, NULL, "Ntest", "first", NULL, 0));
    onem2m_ws_client_config_free(client_config);
    {
        onem2m_ws_client *second = NULL;
        client_config = config_for(address, "Csecond");
        OK(onem2m_ws_client_new(client_config, NULL, &second));
        EQUAL(onem2m_ws_client_connect(second, 10000), ONEM2M_WS_HANDSHAKE_REFUSED);
        ERROR_SAYS("503");
        onem2m_ws_client_free(second);
        onem2m_ws_client_config_free(client_config);
    }
    onem2m_ws_client_free(client);
    *strstr(address, "/onem2m") = 0;
    client_config = config_for(address, "Cthird");
    OK(onem2m_ws_client_config_load_json(client_config, "{\"stay_connected\":false}"));
    for (i = 0; i < 2000; i++) {
        // The first connection's place may not be free yet.
        OK(onem2m_ws_client_new(client_config, NULL, &client));
        EQUAL(onem2m_ws_client_connect(client, 10000), ONEM2M_WS_HANDSHAKE_REFUSED);
        onem2m_ws_client_free(client);
        if (strstr(onem2m_ws_last_error(), "404") != NULL) break;
        pause_ms(10);
    }
    ERROR_SAYS("404");
    onem2m_ws_client_config_free(client_config);
    onem2m_ws_registrar_free(r);
    // Elsewhere than where it listens.
    OK(onem2m_ws_registrar_config_load_json(config, "{\"listen\":\"ws://127.0.0.1:0\"}"));
    OK(onem2m_ws_registrar_config_set_points_of_access(config, "ws://gateway.example:9000"));
    OK(onem2m_ws_registrar_start(config, &r));
    TEXT(onem2m_ws_registrar_point_of_access(r, 0), "ws://gateway.example:9000");
    onem2m_ws_registrar_free(r);
    onem2m_ws_registrar_config_free(config);
}

static void api_structs_say_how_large_they_are(void) {
    struct {
        onem2m_ws_callbacks known;
        void *later;
    } newer;
    onem2m_ws_callbacks callbacks = callbacks_with(NULL);
    onem2m_ws_client_config *config = config_for("ws://127.0.0.1:1", "Cx");
    onem2m_ws_client *client = NULL;
    struct {
        onem2m_ws_counters known;
        uint64_t later;
    } counters;

    callbacks.struct_size = 0;
    EQUAL(onem2m_ws_client_new(config, &callbacks, &client), ONEM2M_WS_INVALID_ARGUMENT);
    ERROR_SAYS("struct_size");
    callbacks.struct_size = (size_t)-1;
    EQUAL(onem2m_ws_client_new(config, &callbacks, &client), ONEM2M_WS_INVALID_ARGUMENT);
    callbacks.struct_size = sizeof callbacks.struct_size; // an older program, that has nothing but the size
    OK(onem2m_ws_client_new(config, &callbacks, &client));
    onem2m_ws_client_free(client);
    memset(&newer, 0, sizeof newer);
    newer.known.struct_size = sizeof newer;
    OK(onem2m_ws_client_new(config, &newer.known, &client));

    memset(&counters, 0x55, sizeof counters);
    counters.known.struct_size = sizeof counters.known;
    OK(onem2m_ws_client_counters(client, &counters.known));
    EQUAL(counters.known.deviations, 0);
    EQUAL(counters.later, 0x5555555555555555);
    counters.known.struct_size = sizeof counters;
    OK(onem2m_ws_client_counters(client, &counters.known));
    EQUAL(counters.later, 0);
    memset(&counters, 0x55, sizeof counters);
    counters.known.struct_size = 2 * sizeof(uint64_t);
    OK(onem2m_ws_client_counters(client, &counters.known));
    EQUAL(counters.known.connections, 0);
    EQUAL(counters.known.requests_sent, 0x5555555555555555);
    onem2m_ws_client_free(client);

    newer.later = &newer;
    EQUAL(onem2m_ws_client_new(config, &newer.known, &client), ONEM2M_WS_INVALID_ARGUMENT);
    ERROR_SAYS("does not know");
    onem2m_ws_client_config_free(config);
}

static void *fails_elsewhere(void *argument) {
    onem2m_ws_request *request = NULL;
    (void)argument;
    CHECK(onem2m_ws_last_error()[0] == '\0');
    EQUAL(onem2m_ws_request_new(77, "a", 0, NULL, &request), ONEM2M_WS_INVALID_ARGUMENT);
    ERROR_SAYS("77");
    return NULL;
}

static void api_errors_belong_to_their_thread(void) {
    pthread_t thread;
    onem2m_ws_request *request = NULL;
    CHECK(onem2m_ws_last_error()[0] == '\0');
    EQUAL(onem2m_ws_request_new(66, "a", 0, NULL, &request), ONEM2M_WS_INVALID_ARGUMENT);
    CHECK(pthread_create(&thread, NULL, fails_elsewhere, NULL) == 0);
    pthread_join(thread, NULL);
    ERROR_SAYS("66");
    // Success leaves it alone.
    request = request_for(ONEM2M_WS_RETRIEVE, "a", 0, NULL);
    onem2m_ws_request_free(request);
    ERROR_SAYS("66");
    EQUAL(onem2m_ws_last_error_http_status(), 0);
    TEXT(onem2m_ws_last_error_http_header("Server"), NULL);
    TEXT(onem2m_ws_last_error_http_body(), NULL);
    CHECK(onem2m_ws_last_error_response() == NULL);
}

const test tests_api[] = {
    {"api_version_is_that_of_the_header", api_version_is_that_of_the_header},
    {"api_null_is_an_error_everywhere_and_free_takes_it", api_null_is_an_error_everywhere_and_free_takes_it},
    {"api_text_that_is_not_utf8_is_an_error", api_text_that_is_not_utf8_is_an_error},
    {"api_requests_have_every_parameter", api_requests_have_every_parameter},
    {"api_requests_that_cannot_be_are_refused", api_requests_that_cannot_be_are_refused},
    {"api_responses_have_every_parameter", api_responses_have_every_parameter},
    {"api_settings_are_checked_as_they_come", api_settings_are_checked_as_they_come},
    {"api_settings_of_the_connection", api_settings_of_the_connection},
    {"api_settings_of_a_registrar", api_settings_of_a_registrar},
    {"api_structs_say_how_large_they_are", api_structs_say_how_large_they_are},
    {"api_errors_belong_to_their_thread", api_errors_belong_to_their_thread},
    {NULL, NULL},
};
