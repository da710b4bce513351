/*
 * A sensor: registers as an AE, creates a container, and publishes readings into it.
 *
 *     make build && build/examples/sensor ws://127.0.0.1:9000 [--preset acme] [--cse-name cse-in] [--count 5]
 *
 * or by hand:
 *
 *     cc -std=c99 -Iinclude -o sensor examples/c/sensor.c -Ltarget/release -lonem2m_ws -Wl,-rpath,target/release
 */
#define _POSIX_C_SOURCE 200809L /* for nanosleep() */

#include <onem2m_ws.h>

#include <time.h>

#include "options.h"

/* Every call of the library returns 0, or an error whose text is onem2m_ws_last_error(). */
static void must(int32_t result) {
    if (result != ONEM2M_WS_OK) {
        fprintf(stderr, "sensor: %s\n", onem2m_ws_last_error());
        exit(1);
    }
}

/* Sends a CREATE below `to` and returns the response status code: 2001 if it was created. */
static int create(onem2m_ws_client *client, const char *to, int type, const char *content) {
    onem2m_ws_request *request = NULL;
    onem2m_ws_response *response = NULL;
    int status;
    must(onem2m_ws_request_new(ONEM2M_WS_CREATE, to, type, content, &request));
    must(onem2m_ws_client_send(client, request, 0, &response)); /* 0: the client's own time-out, 30 s */
    status = onem2m_ws_response_status(response);
    onem2m_ws_response_free(response);
    onem2m_ws_request_free(request);
    return status;
}

int main(int argc, char **argv) {
    options o = options_read(argc, argv);
    onem2m_ws_client_config *config = NULL;
    onem2m_ws_client *client = NULL;
    char to[256], content[512];
    int status, number;

    /* Who we are, and where the registrar is. The settings are copied into the client. */
    must(onem2m_ws_client_config_new(o.url, &config));
    must(onem2m_ws_client_config_set_originator(config, "Csensor"));
    must(onem2m_ws_client_config_set_preset(config, o.preset));
    must(onem2m_ws_client_new(config, NULL, &client));
    onem2m_ws_client_config_free(config);

    /* The first request would open the connection, and wait for the registrar if it is not there yet. We do not wait. */
    must(onem2m_ws_client_connect(client, 0));

    /* Creates <AE> "sensor" below the CSEBase. */
    must(onem2m_ws_client_register_ae(client, o.cse_name, "Nsensor", "sensor", NULL, 0));
    printf("sensor: registered\n");

    /* Others may read and subscribe (3 = CREATE + RETRIEVE). A registrar without access control policies answers with an
     * error. */
    snprintf(to, sizeof to, "%s/sensor", o.cse_name);
    status = create(client, to, ONEM2M_WS_ACCESS_CONTROL_POLICY,
                    "{\"m2m:acp\":{\"rn\":\"readers\","
                    "\"pv\":{\"acr\":[{\"acor\":[\"Csensor\"],\"acop\":63},{\"acor\":[\"all\"],\"acop\":3}]},"
                    "\"pvs\":{\"acr\":[{\"acor\":[\"Csensor\"],\"acop\":63}]}}}");
    if (status == 2001)
        snprintf(content, sizeof content, "{\"m2m:cnt\":{\"rn\":\"data\",\"mni\":100,\"acpi\":[\"%s/readers\"]}}", to);
    else
        snprintf(content, sizeof content, "{\"m2m:cnt\":{\"rn\":\"data\",\"mni\":100}}");
    status = create(client, to, ONEM2M_WS_CONTAINER, content);
    if (status != 2001 && status != 4105) { /* 4105: it is there already */
        fprintf(stderr, "sensor: the container was not created: %d\n", status);
        return 1;
    }

    snprintf(to, sizeof to, "%s/sensor/data", o.cse_name);
    for (number = 1; number <= o.count; number++) {
        struct timespec pause;
        snprintf(content, sizeof content, "{\"m2m:cin\":{\"cnf\":\"text/plain:0\",\"con\":\"%d\"}}", 20 + number);
        status = create(client, to, ONEM2M_WS_CONTENT_INSTANCE, content);
        printf("sensor: published %d -> %d\n", 20 + number, status);
        pause.tv_sec = o.interval_ms / 1000;
        pause.tv_nsec = (o.interval_ms % 1000) * 1000000L;
        nanosleep(&pause, NULL);
    }

    /* Waits for what is under way. The registration stays: the next run calls onem2m_ws_client_config_set_registered(). */
    must(onem2m_ws_client_close(client, 0));
    onem2m_ws_client_free(client);
    return 0;
}
