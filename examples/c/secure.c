/*
 * The procedure of TS-0020 Annex A.1 over wss, both ends with certificates: an AE registers, creates a container, and a
 * contentInstance in it.
 *
 *     make build
 *     build/examples/secure --poa wss://127.0.0.1:9443 --cert ae.pem --key ae.key --ca ca.pem
 *         [--originator CSmartHome] [--server-name NAME] [--cse-name cse-in] [--preset acme]
 *
 * or by hand:
 *
 *     cc -std=c99 -Iinclude -o secure examples/c/secure.c -Ltarget/release -lonem2m_ws -Wl,-rpath,target/release
 *
 * The certificate names the AE: //onem2m-ws.example/id-in/CSmartHome is a URI among its names. ca.pem is the authority of the
 * registrar's certificate.
 */
#include <onem2m_ws.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const char *poa, *originator, *cert, *key, *ca;
    const char *server_name; /* what the registrar's certificate is for; NULL: the host of --poa */
    const char *cse_name, *preset;
} options;

/* Ends the program if the command line is wrong. */
static options options_read(int argc, char **argv) {
    options o = {NULL, "CSmartHome", NULL, NULL, NULL, NULL, "cse-in", "default"};
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
    if (wrong || o.poa == NULL || o.cert == NULL || o.key == NULL || o.ca == NULL) {
        fprintf(stderr, "usage: %s --poa wss://HOST:PORT --cert FILE --key FILE --ca FILE [--originator ID] [--server-name NAME] "
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

/* Sends a request, frees it, and returns the response status code; ends the program if that is not the one that is expected. */
static int done(onem2m_ws_client *client, onem2m_ws_request *request, int expected) {
    onem2m_ws_response *response = NULL;
    int status;
    must(onem2m_ws_client_send(client, request, 0, &response)); /* 0: the client's own time-out, 30 s */
    status = (int)onem2m_ws_response_status(response);
    if (status != expected) {
        onem2m_ws_text to = onem2m_ws_request_to(request), why = onem2m_ws_response_content(response);
        fprintf(stderr, "secure: %.*s: %d %.*s\n", (int)to.len, to.data, status, (int)why.len, why.data != NULL ? why.data : "");
        exit(1);
    }
    onem2m_ws_response_free(response);
    onem2m_ws_request_free(request);
    return status;
}

static int create(onem2m_ws_client *client, const char *to, int type, const char *content) {
    onem2m_ws_request *request = NULL;
    must(onem2m_ws_request_new(ONEM2M_WS_CREATE, to, type, content, &request));
    return done(client, request, 2001);
}

int main(int argc, char **argv) {
    static const int32_t formats[] = {ONEM2M_WS_FORMAT_JSON, ONEM2M_WS_FORMAT_XML};
    options o = options_read(argc, argv);
    onem2m_ws_tls *tls = NULL;
    onem2m_ws_client_config *config = NULL;
    onem2m_ws_client *client = NULL;
    onem2m_ws_peer_identity *registrar = NULL;
    onem2m_ws_request *request = NULL;
    onem2m_ws_text who;
    char entity[100], home[200], container[250];

    /* Who we are, and whom we trust: certificates of this authority, and nobody else's. Where there are no files, as in flash
     * memory, onem2m_ws_tls_set_certificate_pem() and onem2m_ws_tls_trust_pem() take the bytes. */
    must(onem2m_ws_tls_new(&tls));
    must(onem2m_ws_tls_set_certificate(tls, o.cert, o.key));
    must(onem2m_ws_tls_trust(tls, o.ca));
    must(onem2m_ws_tls_set_server_name(tls, o.server_name));

    must(onem2m_ws_client_config_new(o.poa, &config));
    must(onem2m_ws_client_config_set_originator(config, o.originator));
    must(onem2m_ws_client_config_set_preset(config, o.preset));
    must(onem2m_ws_client_config_set_formats(config, formats, 2));
    must(onem2m_ws_client_config_set_tls(config, tls));
    must(onem2m_ws_client_new(config, NULL, &client));
    onem2m_ws_client_config_free(config);
    onem2m_ws_tls_free(tls);

    /* TCP and TLS (step 1), then the opening handshake (steps 2 and 3), which offers two formats. Connected means that each end has
     * accepted the credential of the other. */
    must(onem2m_ws_client_connect(client, 0));
    must(onem2m_ws_client_peer_identity(client, &registrar));
    who = onem2m_ws_peer_identity_principal(registrar);
    printf("secure: connected to %.*s\n", (int)who.len, who.data);
    onem2m_ws_peer_identity_free(registrar);

    /* Steps 4 to 6. */
    must(onem2m_ws_client_register_ae(client, o.cse_name, "Na56", "SmartHomeApplication", "{\"apn\":\"app1234\"}", 0));
    must(onem2m_ws_client_entity(client, entity, sizeof entity, NULL));
    printf("secure: registered as %s\n", entity);

    /* Steps 7 to 9. */
    snprintf(home, sizeof home, "%s/SmartHomeApplication", o.cse_name);
    printf("secure: container -> %d\n", create(client, home, ONEM2M_WS_CONTAINER,
                                               "{\"m2m:cnt\":{\"rn\":\"SmartHomeContainer\",\"mbs\":100000,\"mni\":500}}"));

    /* Step 10. */
    snprintf(container, sizeof container, "%s/SmartHomeContainer", home);
    printf("secure: contentInstance -> %d\n", create(client, container, ONEM2M_WS_CONTENT_INSTANCE,
                                                     "{\"m2m:cin\":{\"con\":\"21.5\"}}"));

    /* So that it can be run again. */
    must(onem2m_ws_request_new(ONEM2M_WS_DELETE, home, ONEM2M_WS_NO_TYPE, NULL, &request));
    done(client, request, 2002);
    printf("secure: deleted\n");

    must(onem2m_ws_client_close(client, 0));
    onem2m_ws_client_free(client);
    return 0;
}
