// Formats from C: chosen for a connection, seen by nobody else, converted, and what XML has to be told.
#include "test.h"

#define JSON ONEM2M_WS_FORMAT_JSON
#define XML ONEM2M_WS_FORMAT_XML
#define CBOR ONEM2M_WS_FORMAT_CBOR

static const char retrieve[] = "{\"op\":2,\"to\":\"cse-in\",\"fr\":\"C1\",\"rqi\":\"1\",\"rvi\":\"3\"}";
static const char notify[] =
    "{\"op\":5,\"to\":\"C1\",\"fr\":\"/id-in\",\"rqi\":\"2\",\"pc\":{\"m2m:sgn\":{\"sur\":\"cse-in/s\"}},\"rvi\":\"3\"}";

static onem2m_ws_buffer *converted(const void *data, size_t length, int from, int to) {
    onem2m_ws_buffer *buffer = NULL;
    OK(onem2m_ws_primitive_convert(data, length, from, to, &buffer));
    return buffer;
}

static void formats_primitives_are_converted(void) {
    static const int formats[] = {JSON, XML, CBOR};
    size_t i;
    for (i = 0; i < 3; i++) {
        onem2m_ws_buffer *there = converted(notify, strlen(notify), JSON, formats[i]);
        onem2m_ws_text view = onem2m_ws_buffer_view(there);
        onem2m_ws_buffer *back = converted(view.data, view.len, formats[i], JSON);
        CHECK(view.data != NULL && view.len > 0);
        TEXT(onem2m_ws_buffer_view(back), notify);
        onem2m_ws_buffer_free(there);
        onem2m_ws_buffer_free(back);
    }
    {
        // A map of five members, the first of which is "op": 2.
        onem2m_ws_buffer *there = converted(retrieve, strlen(retrieve), JSON, CBOR);
        onem2m_ws_text view = onem2m_ws_buffer_view(there);
        CHECK(view.len > 5 && memcmp(view.data, "\xa5\x62op\x02", 5) == 0);
        onem2m_ws_buffer_free(there);
    }
}

static void formats_what_cannot_be_converted_is_named(void) {
    static const char list[] = "{\"rsc\":2000,\"rqi\":\"1\",\"pc\":{\"m2m:cnt\":{\"lbl\":[\"a b\"]}},\"rvi\":\"3\"}";
    onem2m_ws_buffer *buffer = NULL;
    EQUAL(onem2m_ws_primitive_convert("{\"op\":2", 7, JSON, CBOR, &buffer), ONEM2M_WS_DECODE);
    CHECK(buffer == NULL);
    ERROR_SAYS("(byte 7)");
    EQUAL(onem2m_ws_primitive_convert("\xff", 1, CBOR, JSON, &buffer), ONEM2M_WS_DECODE);
    EQUAL(onem2m_ws_primitive_convert(NULL, 0, JSON, JSON, &buffer), ONEM2M_WS_DECODE);
    EQUAL(onem2m_ws_primitive_convert(list, strlen(list), JSON, XML, &buffer), ONEM2M_WS_ENCODE);
    ERROR_SAYS("lbl");
    EQUAL(onem2m_ws_primitive_convert(NULL, 1, JSON, JSON, &buffer), ONEM2M_WS_INVALID_ARGUMENT);
    ERROR_SAYS("`data` is NULL");
    EQUAL(onem2m_ws_primitive_convert(retrieve, (size_t)-1, JSON, JSON, &buffer), ONEM2M_WS_INVALID_ARGUMENT);
    EQUAL(onem2m_ws_primitive_convert(retrieve, strlen(retrieve), 0, JSON, &buffer), ONEM2M_WS_INVALID_ARGUMENT);
    ERROR_SAYS("argument `from` has the format 0");
    EQUAL(onem2m_ws_primitive_convert(retrieve, strlen(retrieve), JSON, 4, &buffer), ONEM2M_WS_INVALID_ARGUMENT);
    ERROR_SAYS("argument `to` has the format 4");
    EQUAL(onem2m_ws_primitive_convert(retrieve, strlen(retrieve), JSON, JSON, NULL), ONEM2M_WS_INVALID_ARGUMENT);
    CHECK(onem2m_ws_buffer_view(NULL).data == NULL);
    onem2m_ws_buffer_free(NULL);
}

static void formats_content_in_each(void) {
    onem2m_ws_request *request = request_for(ONEM2M_WS_CREATE, "cse-in", ONEM2M_WS_CONTAINER, "{\"m2m:cnt\":{\"rn\":\"a\"}}");
    onem2m_ws_response *response = NULL;
    onem2m_ws_text content, again;

    OK(onem2m_ws_request_content_as(request, JSON, &content));
    TEXT(content, "{\"m2m:cnt\":{\"rn\":\"a\"}}");
    CHECK(content.data == onem2m_ws_request_content(request).data); // nothing was copied
    OK(onem2m_ws_request_content_as(request, CBOR, &content));
    TEXT(content, "\xa1\x67m2m:cnt\xa1\x62rn\x61" "a");
    OK(onem2m_ws_request_content_as(request, XML, &again));
    CHECK(again.data != NULL);
    TEXT(content, "\xa1\x67m2m:cnt\xa1\x62rn\x61" "a"); // it stays as long as the handle is not changed
    OK(onem2m_ws_request_content_as(request, CBOR, &again));
    CHECK(again.data == content.data); // made once

    // A change of the request is a change of what was made of it.
    OK(onem2m_ws_request_set(request, "pc", "{\"m2m:cnt\":{\"rn\":\"b\"}}"));
    OK(onem2m_ws_request_content_as(request, CBOR, &content));
    TEXT(content, "\xa1\x67m2m:cnt\xa1\x62rn\x61" "b");
    OK(onem2m_ws_request_set(request, "pc", "{\"m2m:cnt\":{\"lbl\":[\"a b\"]}}"));
    EQUAL(onem2m_ws_request_content_as(request, XML, &content), ONEM2M_WS_ENCODE);
    ERROR_SAYS("lbl");
    CHECK(content.data == NULL);
    EQUAL(onem2m_ws_request_content_as(request, 0, &content), ONEM2M_WS_INVALID_ARGUMENT);
    ERROR_SAYS("argument `format` has the format 0");
    EQUAL(onem2m_ws_request_content_as(request, JSON, NULL), ONEM2M_WS_INVALID_ARGUMENT);
    EQUAL(onem2m_ws_request_content_as(NULL, JSON, &content), ONEM2M_WS_INVALID_ARGUMENT);
    onem2m_ws_request_free(request);

    OK(onem2m_ws_response_new(2000, NULL, &response));
    OK(onem2m_ws_response_content_as(response, CBOR, &content));
    CHECK(content.data == NULL);
    onem2m_ws_response_free(response);
    OK(onem2m_ws_response_new(2000, "{\"m2m:dbg\":\"x\"}", &response));
    OK(onem2m_ws_response_content_as(response, CBOR, &content));
    TEXT(content, "\xa1\x67m2m:dbg\x61x");
    EQUAL(onem2m_ws_response_content_as(response, 9, &content), ONEM2M_WS_INVALID_ARGUMENT);
    EQUAL(onem2m_ws_response_content_as(response, JSON, NULL), ONEM2M_WS_INVALID_ARGUMENT);
    EQUAL(onem2m_ws_response_content_as(NULL, JSON, &content), ONEM2M_WS_INVALID_ARGUMENT);
    onem2m_ws_response_free(response);
}

static void formats_settings_are_checked(void) {
    static const int32_t wrong[] = {JSON, 7}, twice[] = {CBOR, CBOR};
    onem2m_ws_client_config *config = config_for("ws://127.0.0.1:1", "Cx");
    onem2m_ws_registrar_config *settings = NULL;
    onem2m_ws_registrar *none = NULL;
    onem2m_ws_client *client = NULL;

    OK(onem2m_ws_registrar_config_new(&settings));
    EQUAL(onem2m_ws_client_config_set_formats(config, wrong, 2), ONEM2M_WS_INVALID_ARGUMENT);
    ERROR_SAYS("argument `formats` has the format 7");
    EQUAL(onem2m_ws_client_config_set_formats(config, NULL, 1), ONEM2M_WS_INVALID_ARGUMENT);
    EQUAL(onem2m_ws_client_config_set_formats(NULL, wrong, 1), ONEM2M_WS_INVALID_ARGUMENT);
    EQUAL(onem2m_ws_client_config_load_json(config, "{\"formats\":[\"yaml\"]}"), ONEM2M_WS_INVALID_ARGUMENT);
    ERROR_SAYS("\"yaml\" is none of json, xml and cbor");
    EQUAL(onem2m_ws_client_config_load_json(config, "{\"formats\":\"json\"}"), ONEM2M_WS_INVALID_ARGUMENT);
    EQUAL(onem2m_ws_registrar_config_set_formats(settings, wrong, 2), ONEM2M_WS_INVALID_ARGUMENT);
    EQUAL(onem2m_ws_registrar_config_set_formats(NULL, wrong, 1), ONEM2M_WS_INVALID_ARGUMENT);
    EQUAL(onem2m_ws_registrar_config_load_json(settings, "{\"formats\":[1]}"), ONEM2M_WS_INVALID_ARGUMENT);

    // What cannot work is refused when it is used.
    OK(onem2m_ws_client_config_set_formats(config, twice, 2));
    EQUAL(onem2m_ws_client_new(config, NULL, &client), ONEM2M_WS_INVALID_ARGUMENT);
    ERROR_SAYS("twice");
    OK(onem2m_ws_client_config_load_json(config, "{\"formats\":[]}"));
    EQUAL(onem2m_ws_client_new(config, NULL, &client), ONEM2M_WS_INVALID_ARGUMENT);
    OK(onem2m_ws_registrar_config_load_json(settings, "{\"listen\":\"ws://127.0.0.1:0\",\"formats\":[]}"));
    EQUAL(onem2m_ws_registrar_start(settings, &none), ONEM2M_WS_INVALID_ARGUMENT);
    ERROR_SAYS("at least one format");

    OK(onem2m_ws_client_config_set_formats(config, NULL, 0)); // the default again
    OK(onem2m_ws_client_new(config, NULL, &client));
    EQUAL(onem2m_ws_client_format(client), 0); // there is no connection
    EQUAL(onem2m_ws_client_format(NULL), ONEM2M_WS_INVALID_ARGUMENT);
    onem2m_ws_client_free(client);
    onem2m_ws_client_config_free(config);
    onem2m_ws_registrar_config_free(settings);
}

static void formats_ws_6_2_3_5_1_client_and_registrar_choose(void) {
    static const int32_t text[] = {XML, JSON}, binary[] = {CBOR};
    onem2m_ws_registrar_config *settings = NULL;
    onem2m_ws_registrar *here = NULL;
    onem2m_ws_client_config *config;
    onem2m_ws_client *client = NULL;
    onem2m_ws_text url;
    char address[64] = "";

    OK(onem2m_ws_registrar_config_new(&settings));
    OK(onem2m_ws_registrar_config_set_listen(settings, "ws://127.0.0.1:0"));
    OK(onem2m_ws_registrar_config_set_formats(settings, text, 2));
    OK(onem2m_ws_registrar_start(settings, &here));
    url = onem2m_ws_registrar_point_of_access(here, 0);
    snprintf(address, sizeof address, "%.*s", (int)url.len, url.data);

    config = config_for(address, "Cx");
    OK(onem2m_ws_client_config_load_json(config, "{\"formats\":[\"cbor\",\"json\"]}"));
    OK(onem2m_ws_client_new(config, NULL, &client));
    OK(onem2m_ws_client_connect(client, 0));
    EQUAL(onem2m_ws_client_format(client), JSON); // what both speak
    OK(onem2m_ws_client_disconnect(client, 0));
    EQUAL(onem2m_ws_client_format(client), 0);
    onem2m_ws_client_free(client);

    OK(onem2m_ws_client_config_set_formats(config, binary, 1));
    OK(onem2m_ws_client_new(config, NULL, &client));
    EQUAL(onem2m_ws_client_connect(client, 0), ONEM2M_WS_HANDSHAKE_REFUSED);
    EQUAL(onem2m_ws_last_error_http_status(), 400);
    onem2m_ws_client_free(client);
    onem2m_ws_client_config_free(config);
    onem2m_ws_registrar_free(here);
    onem2m_ws_registrar_config_free(settings);
}

static void formats_own_flex_containers_are_registered(void) {
    static const char json[] =
        "{\"rsc\":2000,\"rqi\":\"1\",\"pc\":{\"acme:thermo\":{\"temp\":21.5,\"alarms\":[1,2]}},\"rvi\":\"3\"}";
    static const char *const names[] = {"temp", "alarms"};
    static const char *const types[] = {"number", "integer_list"};
    static const char *const wrong[] = {"number", "degrees"};
    static const char *const missing[] = {"temp", NULL};
    const int32_t bad = ONEM2M_WS_INVALID_ARGUMENT;
    onem2m_ws_buffer *there, *back;
    onem2m_ws_text view;

    EQUAL(onem2m_ws_register_flex_container("acme:thermo", names, types, 2), bad);
    ERROR_SAYS("the prefix \"acme\" has no namespace");
    EQUAL(onem2m_ws_register_namespace("a c", "http://acme.example/iot"), bad);
    EQUAL(onem2m_ws_register_namespace(NULL, "http://acme.example/iot"), bad);
    EQUAL(onem2m_ws_register_namespace("acme", NULL), bad);
    OK(onem2m_ws_register_namespace("acme", "http://acme.example/iot"));
    OK(onem2m_ws_register_namespace("acme", "http://acme.example/iot"));
    EQUAL(onem2m_ws_register_namespace("acme", "http://other.example"), bad);
    ERROR_SAYS("already registered");
    EQUAL(onem2m_ws_register_flex_container("acme:thermo", names, wrong, 2), bad);
    ERROR_SAYS("\"degrees\"");
    EQUAL(onem2m_ws_register_flex_container("acme:thermo", missing, types, 2), bad);
    ERROR_SAYS("`names` is NULL");
    EQUAL(onem2m_ws_register_flex_container("acme:thermo", names, NULL, 2), bad);
    EQUAL(onem2m_ws_register_flex_container(NULL, names, types, 2), bad);
    OK(onem2m_ws_register_flex_container("acme:thermo", names, types, 2));
    OK(onem2m_ws_register_flex_container("acme:empty", NULL, NULL, 0));

    there = converted(json, strlen(json), JSON, XML);
    view = onem2m_ws_buffer_view(there);
    back = converted(view.data, view.len, XML, JSON);
    TEXT(onem2m_ws_buffer_view(back), json); // numbers are numbers
    onem2m_ws_buffer_free(there);
    onem2m_ws_buffer_free(back);
}

const test tests_formats[] = {
    {"formats_primitives_are_converted", formats_primitives_are_converted},
    {"formats_what_cannot_be_converted_is_named", formats_what_cannot_be_converted_is_named},
    {"formats_content_in_each", formats_content_in_each},
    {"formats_settings_are_checked", formats_settings_are_checked},
    {"formats_ws_6_2_3_5_1_client_and_registrar_choose", formats_ws_6_2_3_5_1_client_and_registrar_choose},
    {"formats_own_flex_containers_are_registered", formats_own_flex_containers_are_registered},
    {NULL, NULL},
};
