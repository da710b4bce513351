/*
 * An AE that goes offline, misses notifications, and gets all of them in order when it is back.
 *
 *     make build && build/examples/offline ws://127.0.0.1:9000 [--preset acme] [--cse-name cse-in] [--count 5]
 *
 * Needs a registrar that stores notifications for an AE that is away (TS-0020 5.2 says that it should), as the embedded one
 * does. A second AE in this program, the writer, makes what is missed.
 *
 * The reader runs in poll mode: its callback is called in main().
 */
#define _POSIX_C_SOURCE 200809L /* for clock_gettime() */

#include <onem2m_ws.h>

#include <time.h>

#include "options.h"

static void must(int32_t result) {
    if (result != ONEM2M_WS_OK) {
        fprintf(stderr, "offline: %s\n", onem2m_ws_last_error());
        exit(1);
    }
}

/* What a response says is to be `status`; frees it. */
static void expect(int status, onem2m_ws_response *response) {
    onem2m_ws_text why = onem2m_ws_response_content(response);
    if (onem2m_ws_response_status(response) != status) {
        fprintf(stderr, "offline: refused: %d %.*s\n", onem2m_ws_response_status(response), (int)why.len,
                why.data ? why.data : "");
        exit(1);
    }
    onem2m_ws_response_free(response);
}

/* Sends a request whose answer is to be `status`. */
static void ask(onem2m_ws_client *client, int operation, const char *to, int type, const char *content, int status) {
    onem2m_ws_request *request = NULL;
    onem2m_ws_response *response = NULL;
    must(onem2m_ws_request_new(operation, to, type, content, &request));
    must(onem2m_ws_client_send(client, request, 0, &response)); /* 0: the client's own time-out, 30 s */
    onem2m_ws_request_free(request);
    expect(status, response);
}

static void publish(onem2m_ws_client *writer, const char *to, int number) {
    char content[128];
    snprintf(content, sizeof content, "{\"m2m:cin\":{\"cnf\":\"text/plain:0\",\"con\":\"%d\"}}", number);
    ask(writer, ONEM2M_WS_CREATE, to, ONEM2M_WS_CONTENT_INSTANCE, content, 2001);
}

/* The number in "con":"..." of JSON text; 0 if there is none. A real program has a JSON library for this. */
static int reading_in(onem2m_ws_text json) {
    static const char name[] = "\"con\":\"";
    size_t at;
    for (at = 0; at + sizeof name < json.len; at++)
        if (memcmp(json.data + at, name, sizeof name - 1) == 0) return atoi(json.data + at + sizeof name - 1);
    return 0;
}

/* Called for each request of the registrar's: here, notifications. The request is ours: we answer it and free it. */
static void on_request(void *user_data, onem2m_ws_request *request) {
    int *last = (int *)user_data;
    int reading = reading_in(onem2m_ws_request_content(request));
    if (reading != *last + 1) {
        fprintf(stderr, "offline: received %d instead of %d\n", reading, *last + 1);
        exit(1);
    }
    *last = reading;
    printf("offline: received %d\n", reading);
    /* An answer that comes too late for its connection is lost, and the notification comes again. */
    if (onem2m_ws_request_respond(request, 2000, NULL) != ONEM2M_WS_OK)
        fprintf(stderr, "offline: %s\n", onem2m_ws_last_error());
    onem2m_ws_request_free(request);
}

/* Waits until the reading `wanted` has come. */
static void receive(onem2m_ws_client *reader, const int *last, int wanted) {
    struct timespec start, now;
    clock_gettime(CLOCK_MONOTONIC, &start);
    while (*last < wanted) {
        must(onem2m_ws_client_dispatch(reader, 1000)); /* calls on_request for all that has come */
        clock_gettime(CLOCK_MONOTONIC, &now);
        if (now.tv_sec - start.tv_sec > 60) {
            fprintf(stderr, "offline: not all readings within 60 s\n");
            exit(1);
        }
    }
}

/* A client that is connected and registered. With `last` it takes notifications. */
static onem2m_ws_client *registered(const options *o, const char *originator, const char *app_id, const char *name, int *last) {
    onem2m_ws_client_config *config = NULL;
    onem2m_ws_client *client = NULL;
    onem2m_ws_callbacks callbacks;

    memset(&callbacks, 0, sizeof callbacks);
    callbacks.struct_size = sizeof callbacks;
    callbacks.user_data = last;
    callbacks.on_request = on_request;

    must(onem2m_ws_client_config_new(o->url, &config));
    must(onem2m_ws_client_config_set_originator(config, originator));
    must(onem2m_ws_client_config_set_preset(config, o->preset));
    must(onem2m_ws_client_config_set_poll_mode(config, last != NULL));
    must(onem2m_ws_client_new(config, last != NULL ? &callbacks : NULL, &client));
    onem2m_ws_client_config_free(config);
    must(onem2m_ws_client_connect(client, 0));
    must(onem2m_ws_client_register_ae(client, o->cse_name, app_id, name, NULL, 0));
    printf("offline: registered %s\n", originator);
    return client;
}

int main(int argc, char **argv) {
    options o = options_read(argc, argv);
    onem2m_ws_client *writer, *reader;
    onem2m_ws_response *response = NULL;
    char above[256], data[256];
    int number, last = 0;

    setvbuf(stdout, NULL, _IOLBF, 0);
    writer = registered(&o, "Cwriter", "Nwriter", "writer", NULL);
    snprintf(above, sizeof above, "%s/writer", o.cse_name);
    snprintf(data, sizeof data, "%s/writer/data", o.cse_name);
    ask(writer, ONEM2M_WS_CREATE, above, ONEM2M_WS_CONTAINER, "{\"m2m:cnt\":{\"rn\":\"data\"}}", 2001);

    reader = registered(&o, "Creader", "Nreader", "reader", &last);
    must(onem2m_ws_client_subscribe(reader, data, "{\"rn\":\"reader\"}", 0, &response));
    expect(2001, response);
    printf("offline: subscribed to %s\n", data);

    /* The first one arrives at once. */
    publish(writer, data, 1);
    receive(reader, &last, 1);

    /* The registration stays in force, and the registrar keeps what comes meanwhile. */
    must(onem2m_ws_client_disconnect(reader, 0));
    printf("offline: away\n");
    for (number = 2; number <= o.count; number++) {
        publish(writer, data, number);
        printf("offline: published %d meanwhile\n", number);
    }

    /* Back without a new registration; any request would open the connection as well. */
    must(onem2m_ws_client_connect(reader, 0));
    printf("offline: back\n");
    receive(reader, &last, o.count);
    printf("offline: nothing was lost\n");

    /* Deregisters both, so that the program can run again. */
    snprintf(data, sizeof data, "%s/reader", o.cse_name);
    ask(reader, ONEM2M_WS_DELETE, data, ONEM2M_WS_NO_TYPE, NULL, 2002);
    ask(writer, ONEM2M_WS_DELETE, above, ONEM2M_WS_NO_TYPE, NULL, 2002);
    must(onem2m_ws_client_close(reader, 0));
    must(onem2m_ws_client_close(writer, 0));
    onem2m_ws_client_free(reader);
    onem2m_ws_client_free(writer);
    return 0;
}
