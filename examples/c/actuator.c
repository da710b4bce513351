/*
 * An actuator: registers as an AE, subscribes to the sensor's container, and acts on the notifications that arrive over its
 * own connection. Ends after --count of them, or with an error after 60 seconds.
 *
 *     make build && build/examples/actuator ws://127.0.0.1:9000 [--preset acme] [--cse-name cse-in] [--count 5]
 *         [--rest-after 2 --rest 1.5]
 *
 * It runs the client in poll mode, as a gateway does that has a loop of its own: all callbacks are called in main().
 */
#define _POSIX_C_SOURCE 200809L /* for poll() and clock_gettime() */

#include <onem2m_ws.h>

#include <poll.h>
#include <time.h>

#include "options.h"

static void must(int32_t result) {
    if (result != ONEM2M_WS_OK) {
        fprintf(stderr, "actuator: %s\n", onem2m_ws_last_error());
        exit(1);
    }
}

/* Copies the text after the first "name": in JSON text; 0 if there is none. A real program has a JSON library for this. */
static int find(onem2m_ws_text json, const char *name, char *value, size_t size) {
    size_t at, i = 0, length = strlen(name);
    for (at = 0; at + length < json.len; at++)
        if (memcmp(json.data + at, name, length) == 0) break;
    at += length;
    while (at < json.len && (json.data[at] == ':' || json.data[at] == ' ')) at++;
    if (at >= json.len || json.data[at++] != '"') return 0;
    while (at < json.len && json.data[at] != '"' && i + 1 < size) value[i++] = json.data[at++];
    value[i] = '\0';
    return 1;
}

typedef struct readings {
    int wanted, received;
} readings;

/* Called for each request of the registrar's: here, notifications. The request is ours: we answer it and free it. */
static void on_request(void *user_data, onem2m_ws_request *request) {
    readings *r = (readings *)user_data;
    char reading[32];
    /* {"m2m:sgn":{"nev":{"rep":{"m2m:cin":{"con":"21",...}},"net":3},"sur":"..."}} */
    /* More than are wanted may come at once. */
    if (r->received < r->wanted && find(onem2m_ws_request_content(request), "\"con\"", reading, sizeof reading)) {
        ++r->received;
        printf("actuator: %s degrees, valve %s\n", reading, atof(reading) > 22.0 ? "open" : "shut");
        fflush(stdout);
    }
    /* An answer that comes too late for its connection is lost, and the notification comes again. */
    if (onem2m_ws_request_respond(request, 2000, NULL) != ONEM2M_WS_OK)
        fprintf(stderr, "actuator: %s\n", onem2m_ws_last_error());
    onem2m_ws_request_free(request);
}

/* Asks for a resource: 2000 if it is there, 4004 if not. */
static int retrieve(onem2m_ws_client *client, const char *to) {
    onem2m_ws_request *request = NULL;
    onem2m_ws_response *response = NULL;
    int status;
    must(onem2m_ws_request_new(ONEM2M_WS_RETRIEVE, to, ONEM2M_WS_NO_TYPE, NULL, &request));
    must(onem2m_ws_client_send(client, request, 0, &response));
    status = onem2m_ws_response_status(response);
    onem2m_ws_response_free(response);
    onem2m_ws_request_free(request);
    return status;
}

static time_t seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

int main(int argc, char **argv) {
    options o = options_read(argc, argv);
    onem2m_ws_client_config *config = NULL;
    onem2m_ws_client *client = NULL;
    onem2m_ws_response *response = NULL;
    onem2m_ws_callbacks callbacks;
    char target[256];
    readings r = {0, 0};
    int status;
    time_t deadline = seconds() + 60;

    /* What the library calls, and with what: `r` comes back as user_data. */
    memset(&callbacks, 0, sizeof callbacks);
    callbacks.struct_size = sizeof callbacks;
    callbacks.user_data = &r;
    r.wanted = o.count;
    callbacks.on_request = on_request;

    must(onem2m_ws_client_config_new(o.url, &config));
    must(onem2m_ws_client_config_set_originator(config, "Cactuator"));
    must(onem2m_ws_client_config_set_preset(config, o.preset));
    must(onem2m_ws_client_config_set_poll_mode(config, true));
    must(onem2m_ws_client_new(config, &callbacks, &client));
    onem2m_ws_client_config_free(config);

    /* The first request would open the connection, and wait for the registrar if it is not there yet. We do not wait. */
    must(onem2m_ws_client_connect(client, 0));

    must(onem2m_ws_client_register_ae(client, o.cse_name, "Nactuator", "actuator", NULL, 0));
    printf("actuator: registered\n");

    /* The sensor may not have started yet. */
    snprintf(target, sizeof target, "%s/sensor/data", o.cse_name);
    while ((status = retrieve(client, target)) == 4004 && seconds() < deadline) poll(NULL, 0, 200);

    must(onem2m_ws_client_subscribe(client, target, "{\"rn\":\"actuator\"}", 0, &response));
    status = onem2m_ws_response_status(response);
    if (status != 2001) {
        onem2m_ws_text why = onem2m_ws_response_content(response);
        fprintf(stderr, "actuator: the subscription was refused: %d %.*s\n", status, (int)why.len, why.data ? why.data : "");
        return 1;
    }
    onem2m_ws_response_free(response);
    printf("actuator: subscribed to %s\n", target);
    fflush(stdout);

    while (r.received < r.wanted) {
        struct pollfd fds[1]; /* a gateway has more of them */
        if (seconds() >= deadline) {
            fprintf(stderr, "actuator: not enough readings within 60 s\n");
            return 1;
        }
        fds[0].fd = onem2m_ws_client_fd(client);
        fds[0].events = POLLIN;
        poll(fds, 1, 1000);
        must(onem2m_ws_client_dispatch(client, 0)); /* calls on_request for all that has come */

        if (o.rest_after > 0 && r.received >= o.rest_after) {
            /* Away for a while, to save power. The registration stays in force, and the registrar keeps notifications. */
            must(onem2m_ws_client_disconnect(client, 0));
            poll(NULL, 0, o.rest_ms);
            /* The next request opens the connection again, without a new registration. */
            retrieve(client, target);
            o.rest_after = 0;
        }
    }

    must(onem2m_ws_client_close(client, 0));
    onem2m_ws_client_free(client);
    return 0;
}
