/*
 * The exchange of TS-0020 Annex A.1 over wss, where both ends show who they are: registers as an AE, creates a container, and
 * publishes one reading into it.
 *
 *     make build
 *     build/examples/secure --poa wss://localhost:9000 --originator Csensor --cert sensor.pem --key sensor.key --ca ca.pem
 *         [--server-name NAME] [--cse-name cse-in] [--preset acme]
 *
 * or by hand:
 *
 *     cc -std=c99 -Iinclude -o secure examples/c/secure.c -Ltarget/release -lonem2m_ws -Wl,-rpath,target/release
 *
 * The certificate names the originator: its subjectAltName is the URI //onem2m-ws.example/id-in/Csensor, the absolute AE-ID.
 */
#include <onem2m_ws.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const char *poa, *originator, *cert, *key, *ca; /* needed */
    const char *server_name;                        /* what the registrar's certificate is for; NULL: the host of --poa */
    const char *cse_name, *preset;
} options;

/* Ends the program if the command line is wrong. */
static options options_read(int argc, char **argv) {
    options o = {NULL, NULL, NULL, NULL, NULL, NULL, "cse-in", "default"};
    int i, wrong = 0;
    for (i = 1; !wrong && i < argc; i += 2) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (value == NULL) wrong = 1;
        else if (strcmp(argv[i], "--poa") == 0) o.poa = value;
        else if (strcmp(argv[i], "--originator") == 0) o.originator = value;
        else if (strcmp(argv[i], "--cert") == 0) o.cert = value;
        else if (strcmp(argv[i], "--key") == 0) o.key = value;
        else if (strcmp(argv[i], "--ca") == 0) o.ca = value;
        else if (strcmp(argv[i], "--server-name") == 0) o.server_name = value;
        else if (strcmp(argv[i], "--cse-name") == 0) o.cse_name = value;
        else if (strcmp(argv[i], "--preset") == 0) o.preset = value;
        else wrong = 1;
    }
    if (wrong || o.poa == NULL || o.originator == NULL || o.cert == NULL || o.key == NULL || o.ca == NULL) {
        fprintf(stderr, "usage: %s --poa wss://HOST:PORT --originator ID --cert FILE --key FILE --ca FILE [--server-name NAME] "
                        "[--cse-name NAME] [--preset acme]\n", argv[0]);
        exit(2);
    }
    return o;
}

/* Every call of the library returns 0, or an error whose text is onem2m_ws_last_error(). */
static void must(int32_t result) {
    if (result != ONEM2M_WS_OK) {
        fprintf(stderr, "secure: %s\n", onem2m_ws_last_error());
        exit(1);
    }
}

/* Sends a CREATE below `to`, and ends the program if it was not created. */
static void create(onem2m_ws_client *client, const char *to, int type, const char *content) {
    onem2m_ws_request *request = NULL;
    onem2m_ws_response *response = NULL;
    int status;
    must(onem2m_ws_request_new(ONEM2M_WS_CREATE, to, type, content, &request));
    must(onem2m_ws_client_send(client, request, 0, &response));
    status = (int)onem2m_ws_response_status(response);
    onem2m_ws_response_free(response);
    onem2m_ws_request_free(request);
    if (status != 2001 && status != 4105) { /* 4105: it is there already */
        fprintf(stderr, "secure: nothing was created below %s: %d\n", to, status);
        exit(1);
    }
}

int main(int argc, char **argv) {
    options o = options_read(argc, argv);
    onem2m_ws_tls *tls = NULL;
    onem2m_ws_client_config *config = NULL;
    onem2m_ws_client *client = NULL;
    onem2m_ws_peer_identity *registrar = NULL;
    onem2m_ws_text who;
    char to[256];

    /* Who we are, and whom we trust: certificates of this authority, and nobody else's. Where there are no files, as in flash
     * memory, onem2m_ws_tls_set_certificate_pem() and onem2m_ws_tls_trust_pem() take the bytes. */
    must(onem2m_ws_tls_new(&tls));
    must(onem2m_ws_tls_set_certificate(tls, o.cert, o.key));
    must(onem2m_ws_tls_trust(tls, o.ca));
    must(onem2m_ws_tls_set_server_name(tls, o.server_name));

    must(onem2m_ws_client_config_new(o.poa, &config));
    must(onem2m_ws_client_config_set_originator(config, o.originator));
    must(onem2m_ws_client_config_set_preset(config, o.preset));
    must(onem2m_ws_client_config_set_tls(config, tls));
    must(onem2m_ws_client_new(config, NULL, &client));
    onem2m_ws_client_config_free(config);
    onem2m_ws_tls_free(tls);

    /* Connected means that each end has accepted the credential of the other. */
    must(onem2m_ws_client_connect(client, 0));
    must(onem2m_ws_client_peer_identity(client, &registrar));
    who = onem2m_ws_peer_identity_principal(registrar);
    printf("secure: connected to %.*s\n", (int)who.len, who.data);
    onem2m_ws_peer_identity_free(registrar);

    must(onem2m_ws_client_register_ae(client, o.cse_name, "Nsecure", "secure", NULL, 0));
    printf("secure: registered\n");
    snprintf(to, sizeof to, "%s/secure", o.cse_name);
    create(client, to, ONEM2M_WS_CONTAINER, "{\"m2m:cnt\":{\"rn\":\"data\"}}");
    snprintf(to, sizeof to, "%s/secure/data", o.cse_name);
    create(client, to, ONEM2M_WS_CONTENT_INSTANCE, "{\"m2m:cin\":{\"cnf\":\"text/plain:0\",\"con\":\"21\"}}");
    printf("secure: published\n");

    must(onem2m_ws_client_close(client, 0));
    onem2m_ws_client_free(client);
    return 0;
}
