// TLS: who is at the other end, what is wrong with a credential, settings in files and in memory, reading them anew.
//
// ONEM2M_WS_TEST_CERTIFICATES is a folder that ffi-c/tests/certificates/mod.rs has made. "ca" is the authority that both ends
// trust. Of it are "registrar" (127.0.0.1, localhost), "elsewhere" (elsewhere.example), "gateway" (127.0.0.1 and the CSE /id-mn),
// "one", "two" and "sensor" (Cone, Ctwo and Ssensor), "node" (node7.sp.example, which is no entity) and "expired" (Cone); of
// "other-ca" is "stranger" (Cone). Each has NAME.pem, NAME.key and NAME.ni, the digest of its public key. none.crl revokes nobody,
// one.crl "one", registrar.crl "registrar".
#include "test.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

static const char *folder(void) {
    const char *folder = getenv("ONEM2M_WS_TEST_CERTIFICATES");
    if (folder == NULL) fail(__FILE__, __LINE__, "ONEM2M_WS_TEST_CERTIFICATES is not set; cargo test does it", NULL);
    return folder;
}

// The path of "one.pem"; eight can be used at a time.
static const char *file(const char *name) {
    static char paths[8][300];
    static int count;
    char *path = paths[count++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", folder(), name);
    return path;
}

// What is in a file; to be freed.
static char *contents(const char *path) {
    size_t length;
    char *text = (char *)calloc(1, 20000);
    FILE *f = fopen(path, "rb");
    CHECK(text != NULL && f != NULL);
    length = fread(text, 1, 19999, f);
    CHECK(length > 0 && length < 19999);
    fclose(f);
    return text;
}

static void copy_file(const char *from, const char *to) {
    char *text = contents(from);
    FILE *f = fopen(to, "wb");
    CHECK(f != NULL && fwrite(text, 1, strlen(text), f) == strlen(text));
    CHECK(fclose(f) == 0);
    free(text);
}

// A certificate, and the authority "ca".
static onem2m_ws_tls *tls_of(const char *name) {
    onem2m_ws_tls *tls = NULL;
    char chain[40], key[40];
    snprintf(chain, sizeof chain, "%s.pem", name);
    snprintf(key, sizeof key, "%s.key", name);
    OK(onem2m_ws_tls_new(&tls));
    OK(onem2m_ws_tls_set_certificate(tls, file(chain), file(key)));
    OK(onem2m_ws_tls_trust(tls, file("ca.pem")));
    return tls;
}

static onem2m_ws_registrar_config *secure_settings(onem2m_ws_tls *tls) {
    onem2m_ws_registrar_config *config = NULL;
    OK(onem2m_ws_registrar_config_new(&config));
    OK(onem2m_ws_registrar_config_set_listen(config, "wss://127.0.0.1:0"));
    OK(onem2m_ws_registrar_config_set_tls(config, tls));
    onem2m_ws_tls_free(tls); // it was copied
    return config;
}

static onem2m_ws_registrar *start_secure(onem2m_ws_registrar_config *config, const onem2m_ws_registrar_callbacks *callbacks) {
    onem2m_ws_registrar *r = start_registrar(config, callbacks);
    onem2m_ws_registrar_config_free(config);
    return r;
}

static onem2m_ws_registrar *secure_registrar(onem2m_ws_tls *tls) {
    return start_secure(secure_settings(tls), NULL);
}

// Its address; four can be used at a time.
static const char *url_of(const onem2m_ws_registrar *r) {
    static char urls[4][64];
    static int count;
    char *url = urls[count++ % 4];
    copy_text(url, sizeof urls[0], onem2m_ws_registrar_point_of_access(r, 0));
    CONTAINS(url, "wss://127.0.0.1:");
    return url;
}

const char *secure_registrar_url(void) {
    static onem2m_ws_registrar *r;
    if (r == NULL) r = secure_registrar(tls_of("registrar"));
    return url_of(r);
}

static onem2m_ws_client_config *secure_config(const char *url, const char *originator, onem2m_ws_tls *tls) {
    onem2m_ws_client_config *config = config_for(url, originator);
    OK(onem2m_ws_client_config_set_tls(config, tls));
    onem2m_ws_tls_free(tls); // it was copied
    return config;
}

static onem2m_ws_client *secure_client(const char *url, const char *originator, onem2m_ws_tls *tls) {
    return new_client(secure_config(url, originator, tls), NULL);
}

static void register_ae(onem2m_ws_client *client, const char *name) {
    OK(onem2m_ws_client_register_ae(client, NULL, "Ntest", name, NULL, 20000));
}

// What connecting as Cone comes to with these settings.
static int32_t connecting(const char *url, onem2m_ws_tls *tls) {
    onem2m_ws_client *client = secure_client(url, "Cone", tls);
    int32_t result = onem2m_ws_client_connect(client, 20000);
    onem2m_ws_client_free(client);
    return result;
}

// --- arguments and settings ------------------------------------------------------------------------------------------

static void tls_null_is_an_error_everywhere(void) {
    const int32_t bad = ONEM2M_WS_INVALID_ARGUMENT;
    const char *const entities[] = {"Cone", NULL};
    onem2m_ws_tls *tls = NULL;
    onem2m_ws_peer_identity *identity = NULL;
    onem2m_ws_client_config *config = config_for("ws://127.0.0.1:1", "Cone");
    onem2m_ws_client *client = NULL;
    onem2m_ws_refusal_counters refusals;
    size_t closed = 7;

    EQUAL(onem2m_ws_tls_new(NULL), bad);
    OK(onem2m_ws_tls_new(&tls));
    EQUAL(onem2m_ws_tls_load_json(NULL, "{}"), bad);
    EQUAL(onem2m_ws_tls_load_json(tls, NULL), bad);
    EQUAL(onem2m_ws_tls_set_certificate(NULL, "a", "b"), bad);
    EQUAL(onem2m_ws_tls_set_certificate(tls, "caf\xe9", "b"), bad);
    EQUAL(onem2m_ws_tls_set_certificate_pem(tls, NULL, 5, "x", 1), bad);
    ERROR_SAYS("`chain` is NULL");
    EQUAL(onem2m_ws_tls_set_certificate_pem(tls, "-----BEGIN ", 11, NULL, 0), bad);
    ERROR_SAYS("`key` is no PEM");
    EQUAL(onem2m_ws_tls_set_raw_key(NULL, "a"), bad);
    EQUAL(onem2m_ws_tls_set_raw_key_pem(tls, "\x30\x82", 2), bad);
    EQUAL(onem2m_ws_tls_trust(tls, NULL), bad);
    EQUAL(onem2m_ws_tls_trust_pem(tls, "ca.pem", 6), bad);
    ERROR_SAYS("`authorities` is no PEM");
    EQUAL(onem2m_ws_tls_trust_for(tls, "a", NULL, 1), bad);
    EQUAL(onem2m_ws_tls_trust_for(tls, "a", entities, 2), bad);
    EQUAL(onem2m_ws_tls_trust_key(tls, NULL), bad);
    EQUAL(onem2m_ws_tls_set_trust_system(NULL, true), bad);
    EQUAL(onem2m_ws_tls_add_revoked(tls, NULL), bad);
    EQUAL(onem2m_ws_tls_add_revoked_pem(tls, NULL, 1), bad);
    EQUAL(onem2m_ws_tls_set_server_name(NULL, "a"), bad);
    EQUAL(onem2m_ws_tls_add_peer(tls, NULL, entities, 1), bad);
    EQUAL(onem2m_ws_tls_add_peer(tls, "DNS:a", entities, 2), bad);
    EQUAL(onem2m_ws_tls_add_uri_scheme(tls, NULL), bad);
    EQUAL(onem2m_ws_tls_add_pre_shared_key(tls, NULL, "k", 1), bad);
    EQUAL(onem2m_ws_tls_add_pre_shared_key(tls, "a@b", NULL, 16), bad);
    EQUAL(onem2m_ws_tls_add_pre_shared_keys(tls, NULL), bad);
    EQUAL(onem2m_ws_tls_set_ts0003_suites(NULL, true), bad);
    EQUAL(onem2m_ws_tls_set_library(tls, 2), bad);
    ERROR_SAYS("`library` is 2; there are 0 (rustls), 1 (openssl)");
    EQUAL(onem2m_ws_tls_set_unnamed(tls, 2), bad);
    ERROR_SAYS("`unnamed` is 2; there are 0 (refuse), 1 (first_come)");
    EQUAL(onem2m_ws_tls_set_anonymous_clients(NULL, true), bad);
    EQUAL(onem2m_ws_tls_set_versions(tls, 11, 13), bad);
    ERROR_SAYS("`least` is 11; there are 12 (1.2), 13 (1.3)");
    EQUAL(onem2m_ws_tls_set_versions(tls, 12, 14), bad);
    EQUAL(onem2m_ws_client_config_set_tls(NULL, tls), bad);
    EQUAL(onem2m_ws_registrar_config_set_tls(NULL, tls), bad);
    EQUAL(onem2m_ws_registrar_config_listen_with(NULL, "wss://a", tls), bad);
    EQUAL(onem2m_ws_client_reload_tls(NULL), bad);
    EQUAL(onem2m_ws_registrar_reload_tls(NULL, &closed), bad);
    EQUAL(onem2m_ws_client_peer_identity(NULL, &identity), bad);
    EQUAL(onem2m_ws_registrar_refusal_counters(NULL, &refusals), bad);
    EQUAL(onem2m_ws_registrar_refusal_counters(registrar(), NULL), bad);

    // Nothing of it was set.
    OK(onem2m_ws_client_config_set_tls(config, NULL));
    OK(onem2m_ws_client_new(config, NULL, &client));
    EQUAL(onem2m_ws_client_peer_identity(client, NULL), bad);
    identity = (onem2m_ws_peer_identity *)(void *)&closed;
    OK(onem2m_ws_client_peer_identity(client, &identity));
    CHECK(identity == NULL);
    EQUAL(onem2m_ws_client_reload_tls(client), ONEM2M_WS_INVALID_STATE);
    EQUAL(onem2m_ws_registrar_reload_tls(registrar(), &closed), ONEM2M_WS_INVALID_STATE);
    EQUAL(closed, 0);
    TEXT(onem2m_ws_peer_identity_framework(NULL), NULL);
    TEXT(onem2m_ws_peer_identity_principal(NULL), NULL);
    TEXT(onem2m_ws_peer_identity_name(NULL, 0), NULL);
    TEXT(onem2m_ws_peer_identity_entity(NULL, 0), NULL);
    TEXT(onem2m_ws_peer_identity_to_json(NULL), NULL);
    CHECK(!onem2m_ws_peer_identity_is_limited(NULL));
    EQUAL(onem2m_ws_peer_identity_not_after_ms(NULL), -1);
    onem2m_ws_peer_identity_free(NULL);
    onem2m_ws_tls_free(NULL);
    onem2m_ws_tls_free(tls);
    onem2m_ws_client_free(client);
    onem2m_ws_client_config_free(config);
}

// What stands in place of a private key.
#define SECRET "c2VjcmV0IG9mIHRoaXMgdGVzdA"
#define PEM_OF(kind) "-----BEGIN " kind "-----\\n" SECRET "\\n-----END " kind "-----\\n"

static void tls_settings_are_named_by_their_errors_which_show_no_secret(void) {
    const char *const refused_at_once[][2] = {
        {"5", "tls: an object was expected"},
        {"\"" PEM_OF("PRIVATE KEY") "\"", "tls: an object was expected"},
        {"{\"certificat\":\"" PEM_OF("PRIVATE KEY") "\"}", "tls: certificat: one of the settings certificate, key,"},
        {"{\"certificate\":5}", "tls: certificate: the name of a PEM file, or PEM, was expected"},
        {"{\"certificate\":\"\"}", "tls: certificate: the name"},
        {"{\"key\":[\"" PEM_OF("PRIVATE KEY") "\"]}", "tls: key: the name"},
        {"{\"raw_key\":{\"" SECRET "\":1}}", "tls: raw_key: the name"},
        {"{\"trust\":[\"a\",1]}", "tls: trust: the name"},
        {"{\"trust_for\":\"" SECRET "\"}", "tls: trust_for: a list of"},
        {"{\"trust_for\":[{\"authorities\":\"a\"}]}", "tls: trust_for: a list of"},
        {"{\"trust_for\":[{\"authorities\":\"a\",\"providers\":[1]}]}", "tls: trust_for: a text, or a list of texts, was"},
        {"{\"trust_key\":5}", "tls: trust_key: a text"},
        {"{\"trust_system\":\"" SECRET "\"}", "tls: trust_system: true or false was expected"},
        {"{\"revoked\":{}}", "tls: revoked: the name"},
        {"{\"peer\":[]}", "tls: peer: an object"},
        {"{\"peer\":{\"DNS:a\":5}}", "tls: peer: a text"},
        {"{\"pre_shared_key\":[\"" SECRET "\"]}", "tls: pre_shared_key: an object"},
        {"{\"pre_shared_key\":{\"a@b\":\"" SECRET "\"}}", "tls: pre_shared_key: a key in hexadecimal digits was expected"},
        {"{\"pre_shared_key\":{\"a@b\":\"001\"}}", "tls: pre_shared_key: a key in hexadecimal digits was expected"},
        {"{\"pre_shared_keys\":5}", "tls: pre_shared_keys: the name of a file of keys"},
        {"{\"ts0003_suites\":\"" SECRET "\"}", "tls: ts0003_suites: true or false"},
        {"{\"library\":\"" SECRET "\"}", "tls: library: \"rustls\" or \"openssl\" was expected"},
        {"{\"uri_scheme\":5}", "tls: uri_scheme: a text"},
        {"{\"unnamed\":\"" SECRET "\"}", "tls: unnamed: \"refuse\" or \"first_come\" was expected"},
        {"{\"server_name\":5}", "tls: server_name: a text"},
        {"{\"anonymous_clients\":1}", "tls: anonymous_clients: true or false"},
        {"{\"least_version\":\"1.1\"}", "tls: least_version: \"1.2\" or \"1.3\" was expected"},
        {"{\"most_version\":13}", "tls: most_version: a text"},
    };
    const char *const refused_when_used[][2] = {
        {"{\"certificate\":\"a\",\"trust\":\"b\"}", "tls: certificate is set without its key"},
        {"{\"key\":\"a\",\"trust\":\"b\"}", "tls: key is set without its certificate"},
        {"{\"raw_key\":\"a\",\"key\":\"b\"}", "tls: raw_key is set, and certificate or key"},
        {"{\"certificate\":\"/no/such.pem\",\"key\":\"/no/such.key\",\"trust\":\"b\"}", "tls: key: /no/such.key cannot be read"},
        {"{\"certificate\":\"/no/such.pem\",\"key\":\"" PEM_OF("PRIVATE KEY") "\",\"trust\":\"b\"}", "tls: key: the PEM in memory"},
        {"{\"raw_key\":\"" PEM_OF("ENCRYPTED PRIVATE KEY") "\",\"trust\":\"b\"}", "encrypted"},
        {"{\"raw_key\":\"" PEM_OF("CERTIFICATE") "\",\"trust\":\"b\"}", "holds no private key"},
        {"{\"trust\":\"" PEM_OF("PRIVATE KEY") "\"}", "holds no certificate"},
        {"{\"trust\":\"" PEM_OF("CERTIFICATE") "\"}", "tls: trust"},
        {"{\"revoked\":\"/no/such.crl\",\"trust_system\":true}", "tls: revoked: /no/such.crl cannot be read"},
        {"{}", "tls: no server would be trusted"},
        {"{\"trust_key\":\"sha\"}", "\"sha\""},
        {"{\"trust_system\":true,\"peer\":{\"DNS:a\":[\"Cone\"]}}", "tls: peer is for servers"},
        {"{\"trust_system\":true,\"uri_scheme\":\"m2m\"}", "tls: uri_scheme is for servers"},
        {"{\"trust_system\":true,\"unnamed\":\"first_come\"}", "tls: unnamed is for servers"},
        {"{\"trust_system\":true,\"anonymous_clients\":true}", "tls: anonymous_clients is for servers"},
        {"{\"least_version\":\"1.3\",\"most_version\":\"1.2\",\"trust_key\":\"ni:///sha-256;"
         "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU\"}",
         "tls: least_version is newer than most_version"},
    };
    onem2m_ws_client_config *config = config_for("wss://127.0.0.1:1", "Cone");
    onem2m_ws_registrar_config *settings = NULL;
    onem2m_ws_registrar *r = NULL;
    onem2m_ws_client *client = NULL;
    onem2m_ws_tls *tls = NULL;
    char json[700], expected[100];
    size_t i;

    OK(onem2m_ws_registrar_config_new(&settings));
    for (i = 0; i < sizeof refused_at_once / sizeof *refused_at_once; i++) {
        snprintf(json, sizeof json, "{\"tls\":%s}", refused_at_once[i][0]);
        EQUAL(onem2m_ws_client_config_load_json(config, json), ONEM2M_WS_INVALID_ARGUMENT);
        ERROR_SAYS(refused_at_once[i][1]);
        ERROR_HIDES(SECRET);
        EQUAL(onem2m_ws_registrar_config_load_json(settings, json), ONEM2M_WS_INVALID_ARGUMENT);
        ERROR_SAYS(refused_at_once[i][1]);
        ERROR_HIDES(SECRET);
        snprintf(json, sizeof json, "{\"listen_with\":{\"wss://127.0.0.1:0\":%s}}", refused_at_once[i][0]);
        EQUAL(onem2m_ws_registrar_config_load_json(settings, json), ONEM2M_WS_INVALID_ARGUMENT);
        ERROR_HIDES(SECRET);
        OK(onem2m_ws_tls_new(&tls));
        EQUAL(onem2m_ws_tls_load_json(tls, refused_at_once[i][0]), ONEM2M_WS_INVALID_ARGUMENT);
        ERROR_HIDES(SECRET);
        onem2m_ws_tls_free(tls);
    }
    for (i = 0; i < sizeof refused_when_used / sizeof *refused_when_used; i++) {
        onem2m_ws_client_config *other = config_for("wss://127.0.0.1:1", "Cone");
        OK(onem2m_ws_tls_new(&tls));
        OK(onem2m_ws_tls_load_json(tls, refused_when_used[i][0]));
        OK(onem2m_ws_client_config_set_tls(other, tls));
        onem2m_ws_tls_free(tls);
        EQUAL(onem2m_ws_client_new(other, NULL, &client), ONEM2M_WS_INVALID_ARGUMENT);
        ERROR_SAYS(refused_when_used[i][1]);
        ERROR_HIDES(SECRET);
        onem2m_ws_client_config_free(other);
    }
    // wss and TLS belong together, at either end.
    EQUAL(onem2m_ws_client_new(config, NULL, &client), ONEM2M_WS_INVALID_ARGUMENT);
    ERROR_SAYS("wss:// needs tls");
    onem2m_ws_client_config_free(config);
    config = secure_config("ws://127.0.0.1:1", "Cone", tls_of("one"));
    EQUAL(onem2m_ws_client_new(config, NULL, &client), ONEM2M_WS_INVALID_ARGUMENT);
    ERROR_SAYS("use wss://");
    onem2m_ws_client_config_free(config);
    OK(onem2m_ws_registrar_config_set_listen(settings, "wss://127.0.0.1:0"));
    EQUAL(onem2m_ws_registrar_start(settings, &r), ONEM2M_WS_INVALID_ARGUMENT);
    ERROR_SAYS("wss:// needs tls");
    OK(onem2m_ws_registrar_config_load_json(settings, "{\"tls\":{\"trust_system\":true}}"));
    EQUAL(onem2m_ws_registrar_start(settings, &r), ONEM2M_WS_INVALID_ARGUMENT);
    ERROR_SAYS("tls: trust_system is for clients");
    snprintf(json, sizeof json, "{\"tls\":{\"certificate\":\"%s\",\"key\":\"%s\"}}", file("registrar.pem"), file("registrar.key"));
    OK(onem2m_ws_registrar_config_load_json(settings, json));
    EQUAL(onem2m_ws_registrar_start(settings, &r), ONEM2M_WS_INVALID_ARGUMENT);
    ERROR_SAYS("tls: no client could be authenticated");
    // A key of somebody else.
    snprintf(json, sizeof json, "{\"tls\":{\"certificate\":\"%s\",\"key\":\"%s\",\"trust\":\"%s\"}}", file("registrar.pem"),
             file("one.key"), file("ca.pem"));
    OK(onem2m_ws_registrar_config_load_json(settings, json));
    EQUAL(onem2m_ws_registrar_start(settings, &r), ONEM2M_WS_INVALID_ARGUMENT);
    snprintf(expected, sizeof expected, "registrar.pem");
    ERROR_SAYS(expected);
    onem2m_ws_registrar_config_free(settings);
}

static void tls_credentials_in_the_opening_handshake_are_shown_by_no_error(void) {
    const char *const refused[][2] = {
        {"{\"basic_user\":\"" SECRET "\"}", "basic_user and basic_password, or bearer"},
        {"{\"basic_user\":\"a\",\"basic_password\":\"" SECRET "\",\"bearer\":\"" SECRET "\"}", "basic_user and basic_password, or bearer"},
        {"{\"bearer\":\"a b" SECRET "\"}", "bearer"},
        {"{\"basic_user\":\"a:b\",\"basic_password\":\"" SECRET "\"}", "basic"},
    };
    onem2m_ws_client *client = NULL;
    onem2m_ws_client_config *config = config_for(registrar_url(), "Cone");
    size_t i;
    for (i = 0; i < sizeof refused / sizeof *refused; i++) {
        onem2m_ws_client_config *other = config_for("ws://127.0.0.1:1", "Cone");
        OK(onem2m_ws_client_config_load_json(other, refused[i][0]));
        if (onem2m_ws_client_new(other, NULL, &client) == 0) {
            EQUAL(onem2m_ws_client_connect(client, 20000), ONEM2M_WS_INVALID_ARGUMENT);
            onem2m_ws_client_free(client);
        }
        ERROR_SAYS(refused[i][1]);
        ERROR_HIDES(SECRET);
        onem2m_ws_client_config_free(other);
    }
    EQUAL(onem2m_ws_client_config_load_json(config, "{\"bearer\":[\"" SECRET "\"]}"), ONEM2M_WS_INVALID_ARGUMENT);
    ERROR_HIDES(SECRET);
    EQUAL(onem2m_ws_client_config_set_basic(NULL, "a", "b"), ONEM2M_WS_INVALID_ARGUMENT);
    EQUAL(onem2m_ws_client_config_set_basic(config, "a:b", SECRET), ONEM2M_WS_INVALID_ARGUMENT);
    EQUAL(onem2m_ws_client_config_set_bearer(NULL, "a"), ONEM2M_WS_INVALID_ARGUMENT);
    EQUAL(onem2m_ws_client_config_set_bearer(config, SECRET "\r\n"), ONEM2M_WS_INVALID_ARGUMENT);
    ERROR_HIDES(SECRET);
    // The later call holds, and our registrar takes no notice.
    OK(onem2m_ws_client_config_set_basic(config, "gateway", SECRET));
    OK(onem2m_ws_client_config_set_bearer(config, SECRET));
    client = new_client(config, NULL);
    OK(onem2m_ws_client_connect(client, 20000));
    onem2m_ws_client_free(client);
}

// --- who is at the other end -----------------------------------------------------------------------------------------

static void tls_ws_7_1_mutual_tls_in_both_versions(void) {
    onem2m_ws_registrar *r = secure_registrar(tls_of("registrar"));
    int32_t version;
    for (version = ONEM2M_WS_TLS_1_2; version <= ONEM2M_WS_TLS_1_3; version++) {
        onem2m_ws_tls *tls = tls_of("one");
        onem2m_ws_peer_identity *identity = NULL;
        onem2m_ws_client *client;
        onem2m_ws_text json;
        char text[700];
        OK(onem2m_ws_tls_set_versions(tls, version, version));
        client = secure_client(url_of(r), "Cone", tls);
        OK(onem2m_ws_client_peer_identity(client, &identity));
        CHECK(identity == NULL); // no connection yet
        OK(onem2m_ws_client_connect(client, 20000));
        OK(onem2m_ws_client_peer_identity(client, &identity));
        TEXT(onem2m_ws_peer_identity_framework(identity), "certificate");
        TEXT(onem2m_ws_peer_identity_principal(identity), "IP:127.0.0.1");
        TEXT(onem2m_ws_peer_identity_name(identity, 0), "IP:127.0.0.1");
        TEXT(onem2m_ws_peer_identity_name(identity, 1), "DNS:localhost");
        TEXT(onem2m_ws_peer_identity_name(identity, 2), NULL);
        TEXT(onem2m_ws_peer_identity_entity(identity, 0), NULL);
        CHECK(!onem2m_ws_peer_identity_is_limited(identity));
        CHECK(onem2m_ws_peer_identity_not_after_ms(identity) > 1000LL * 1000 * 1000 * 1000);
        json = onem2m_ws_peer_identity_to_json(identity);
        copy_text(text, sizeof text, json);
        CONTAINS(text, "{\"framework\":\"certificate\",\"principal\":\"IP:127.0.0.1\","
                       "\"names\":[\"IP:127.0.0.1\",\"DNS:localhost\"],\"entities\":null,\"not_after_ms\":1");
        register_ae(client, version == ONEM2M_WS_TLS_1_2 ? "first" : "second");
        create_container(client, version == ONEM2M_WS_TLS_1_2 ? "cse-in/first" : "cse-in/second", "data");
        onem2m_ws_peer_identity_free(identity);
        OK(onem2m_ws_registrar_peer_identity(r, "Cone", &identity));
        TEXT(onem2m_ws_peer_identity_principal(identity), "URI://onem2m-ws.example/id-in/Cone");
        TEXT(onem2m_ws_peer_identity_name(identity, 0), "URI://onem2m-ws.example/id-in/Cone");
        TEXT(onem2m_ws_peer_identity_entity(identity, 0), "//onem2m-ws.example/id-in/Cone");
        TEXT(onem2m_ws_peer_identity_entity(identity, 1), NULL);
        CHECK(onem2m_ws_peer_identity_is_limited(identity));
        EQUAL(publish(client, version == ONEM2M_WS_TLS_1_2 ? "cse-in/first/data" : "cse-in/second/data", "1"), 2001);
        if (version == ONEM2M_WS_TLS_1_2)
            EQUAL(status_of(client, request_for(ONEM2M_WS_DELETE, "cse-in/first", 0, NULL)), 2002);
        OK(onem2m_ws_client_close(client, 20000));
        onem2m_ws_client_free(client);
        TEXT(onem2m_ws_peer_identity_framework(identity), "certificate"); // it outlives its connection
        onem2m_ws_peer_identity_free(identity);
    }
    onem2m_ws_registrar_free(r);
}

static void tls_pem_in_memory_is_copied_and_may_be_erased(void) {
    // As in a program that has its credentials in a flash partition: with a length, and nothing behind it.
    char *chain = contents(file("registrar.pem")), *key = contents(file("registrar.key")), *ca = contents(file("ca.pem"));
    char *list = contents(file("none.crl"));
    size_t lengths[4], length;
    onem2m_ws_tls *tls = NULL, *again;
    onem2m_ws_registrar *r;
    onem2m_ws_client *client;
    onem2m_ws_client_config *config;
    char *json = (char *)calloc(1, 20000), *p;
    lengths[0] = strlen(chain);
    lengths[1] = strlen(key);
    lengths[2] = strlen(ca);
    lengths[3] = strlen(list);
    chain[lengths[0]] = key[lengths[1]] = ca[lengths[2]] = list[lengths[3]] = '!';
    OK(onem2m_ws_tls_new(&tls));
    OK(onem2m_ws_tls_set_certificate_pem(tls, chain, lengths[0], key, lengths[1]));
    OK(onem2m_ws_tls_trust_pem(tls, ca, lengths[2]));
    OK(onem2m_ws_tls_add_revoked_pem(tls, list, lengths[3]));
    memset(chain, 0, lengths[0]);
    memset(key, 0, lengths[1]);
    memset(ca, 0, lengths[2]);
    memset(list, 0, lengths[3]);
    r = secure_registrar(tls);
    free(chain);
    free(key);
    free(ca);
    free(list);

    // With the zero byte that some libraries want, and as text where a file could be named.
    chain = contents(file("one.pem"));
    key = contents(file("one.key"));
    ca = contents(file("ca.pem"));
    OK(onem2m_ws_tls_new(&again));
    OK(onem2m_ws_tls_set_certificate_pem(again, chain, strlen(chain) + 1, key, strlen(key) + 1));
    OK(onem2m_ws_tls_trust(again, ca));
    client = secure_client(url_of(r), "Cone", again);
    register_ae(client, "one");
    OK(onem2m_ws_client_reload_tls(client)); // the same again
    EQUAL(onem2m_ws_client_state(client), ONEM2M_WS_REGISTERED);
    onem2m_ws_client_free(client);

    // In JSON.
    length = (size_t)snprintf(json, 10000, "{\"tls\":{\"certificate\":\"%s\",\"trust\":[\"%s\"],\"key\":\"", file("one.pem"),
                              file("ca.pem"));
    for (p = key; *p != '\0'; p++) length += (size_t)sprintf(json + length, *p == '\n' ? "\\n" : "%c", *p);
    sprintf(json + length, "\"}}");
    config = config_for(url_of(r), "Cone");
    OK(onem2m_ws_client_config_load_json(config, json));
    OK(onem2m_ws_client_new(config, NULL, &client));
    OK(onem2m_ws_client_connect(client, 20000));
    onem2m_ws_client_free(client);
    // A key that is damaged is not shown.
    p = strstr(json, "-----END");
    CHECK(p != NULL);
    memset(p - 20, '!', 4);
    OK(onem2m_ws_client_config_load_json(config, json));
    EQUAL(onem2m_ws_client_new(config, NULL, &client), ONEM2M_WS_INVALID_ARGUMENT);
    ERROR_SAYS("tls: key: the PEM in memory");
    p[-20] = '\0';
    ERROR_HIDES(p - 32);
    onem2m_ws_client_config_free(config);
    free(json);
    free(chain);
    free(key);
    free(ca);
    onem2m_ws_registrar_free(r);
}

static char *digest_of(const char *name) {
    char path[40];
    snprintf(path, sizeof path, "%s.ni", name);
    return contents(file(path));
}

static void tls_ws_7_1_raw_public_keys(void) {
    const char *const entities[] = {"Cone", "Cother"};
    onem2m_ws_tls *tls = tls_of("registrar");
    onem2m_ws_registrar *r;
    onem2m_ws_client *client;
    onem2m_ws_peer_identity *identity = NULL;
    char *ours = digest_of("one"), *theirs = digest_of("registrar"), *key = contents(file("one.key"));
    OK(onem2m_ws_tls_trust_key(tls, ours));
    OK(onem2m_ws_tls_add_peer(tls, ours, entities, 2));
    r = secure_registrar(tls);

    OK(onem2m_ws_tls_new(&tls));
    OK(onem2m_ws_tls_set_raw_key_pem(tls, key, strlen(key)));
    OK(onem2m_ws_tls_trust_key(tls, theirs));
    client = secure_client(url_of(r), "Cone", tls);
    register_ae(client, "one");
    OK(onem2m_ws_client_peer_identity(client, &identity));
    TEXT(onem2m_ws_peer_identity_framework(identity), "raw-public-key");
    TEXT(onem2m_ws_peer_identity_principal(identity), theirs);
    TEXT(onem2m_ws_peer_identity_name(identity, 0), theirs);
    EQUAL(onem2m_ws_peer_identity_not_after_ms(identity), -1);
    onem2m_ws_peer_identity_free(identity);
    onem2m_ws_client_free(client);

    OK(onem2m_ws_tls_new(&tls));
    OK(onem2m_ws_tls_set_raw_key(tls, file("two.key")));
    OK(onem2m_ws_tls_trust_key(tls, theirs));
    EQUAL(connecting(url_of(r), tls), ONEM2M_WS_CREDENTIAL_REFUSED);
    OK(onem2m_ws_tls_new(&tls));
    OK(onem2m_ws_tls_set_raw_key(tls, file("one.key")));
    OK(onem2m_ws_tls_trust_key(tls, ours));
    EQUAL(connecting(url_of(r), tls), ONEM2M_WS_PEER_NOT_TRUSTED);
    onem2m_ws_registrar_free(r);
    free(ours);
    free(theirs);
    free(key);
}

static void tls_ws_7_1_a_certificate_that_names_nobody(void) {
    const char *const entities[] = {"Cone", "Ctwo"};
    const char *const providers[] = {"onem2m-ws.example"}, *const others[] = {"other.example"};
    onem2m_ws_tls *tls = tls_of("registrar");
    onem2m_ws_registrar *r = secure_registrar(tls);
    EQUAL(connecting(url_of(r), tls_of("node")), ONEM2M_WS_CREDENTIAL_REFUSED);
    onem2m_ws_registrar_free(r);
    tls = tls_of("registrar");
    OK(onem2m_ws_tls_add_peer(tls, "DNS:node7.sp.example", entities, 2));
    r = secure_registrar(tls);
    OK(connecting(url_of(r), tls_of("node")));
    onem2m_ws_registrar_free(r);
    tls = tls_of("registrar");
    OK(onem2m_ws_tls_set_unnamed(tls, ONEM2M_WS_UNNAMED_FIRST_COME));
    r = secure_registrar(tls);
    OK(connecting(url_of(r), tls_of("node")));
    onem2m_ws_registrar_free(r);

    // Authorities of some providers, and clients that show nothing.
    OK(onem2m_ws_tls_new(&tls));
    OK(onem2m_ws_tls_set_certificate(tls, file("registrar.pem"), file("registrar.key")));
    OK(onem2m_ws_tls_trust_for(tls, file("ca.pem"), providers, 1));
    OK(onem2m_ws_tls_trust_for(tls, file("other-ca.pem"), others, 1));
    OK(onem2m_ws_tls_set_anonymous_clients(tls, true));
    r = secure_registrar(tls);
    OK(connecting(url_of(r), tls_of("one")));
    EQUAL(connecting(url_of(r), tls_of("stranger")), ONEM2M_WS_CREDENTIAL_REFUSED);
    OK(onem2m_ws_tls_new(&tls));
    OK(onem2m_ws_tls_trust(tls, file("ca.pem")));
    OK(connecting(url_of(r), tls));
    onem2m_ws_registrar_free(r);
}

static void tls_ws_7_2_nobody_speaks_for_somebody_else(void) {
    onem2m_ws_registrar *r = secure_registrar(tls_of("registrar"));
    onem2m_ws_client *one = secure_client(url_of(r), "Cone", tls_of("one")), *two, *false_one;
    onem2m_ws_client_config *config;
    onem2m_ws_request *request;
    onem2m_ws_peer_identity *identity = NULL;
    register_ae(one, "one");
    two = secure_client(url_of(r), "Ctwo", tls_of("two"));
    register_ae(two, "two");
    EQUAL(status_of(two, request_for(ONEM2M_WS_RETRIEVE, "cse-in/two", 0, NULL)), 2000);
    request = request_for(ONEM2M_WS_RETRIEVE, "cse-in/one", 0, NULL);
    OK(onem2m_ws_request_set_from(request, "Cone"));
    EQUAL(status_of(two, request), 4106);
    request = request_for(ONEM2M_WS_DELETE, "cse-in/one", 0, NULL);
    OK(onem2m_ws_request_set_from(request, "CAdmin"));
    EQUAL(status_of(two, request), 4106);
    // A client that begins with another's name: it is refused where it says so in its opening handshake, and else where it sends.
    EQUAL(connecting(url_of(r), tls_of("two")), ONEM2M_WS_HANDSHAKE_REFUSED);
    EQUAL(onem2m_ws_last_error_http_status(), 403);
    ERROR_SAYS("Cone");
    config = secure_config(url_of(r), "Cone", tls_of("two"));
    OK(onem2m_ws_client_config_load_json(config, "{\"registered\":true,\"origin_header\":false}"));
    false_one = new_client(config, NULL);
    EQUAL(status_of(false_one, request_for(ONEM2M_WS_RETRIEVE, "cse-in/one", 0, NULL)), 4106);
    onem2m_ws_client_free(false_one);
    config = secure_config(url_of(r), "Cthree", tls_of("sensor"));
    OK(onem2m_ws_client_config_load_json(config, "{\"origin_header\":false}"));
    false_one = new_client(config, NULL);
    EQUAL(onem2m_ws_client_register_ae(false_one, NULL, "Ntest", "three", NULL, 20000), ONEM2M_WS_REGISTRATION_REFUSED);
    EQUAL(onem2m_ws_response_status(onem2m_ws_last_error_response()), 4106);
    onem2m_ws_client_free(false_one);
    EQUAL(status_of(one, request_for(ONEM2M_WS_RETRIEVE, "cse-in/one", 0, NULL)), 2000);
    OK(onem2m_ws_registrar_peer_identity(r, "Cthree", &identity));
    CHECK(identity == NULL); // nobody is registered so
    EQUAL(onem2m_ws_registrar_peer_identity(r, NULL, &identity), ONEM2M_WS_INVALID_ARGUMENT);
    EQUAL(onem2m_ws_registrar_peer_identity(NULL, "Cone", &identity), ONEM2M_WS_INVALID_ARGUMENT);
    EQUAL(onem2m_ws_registrar_peer_identity(r, "Cone", NULL), ONEM2M_WS_INVALID_ARGUMENT);
    onem2m_ws_client_free(one);
    onem2m_ws_client_free(two);
    onem2m_ws_registrar_free(r);
}

typedef struct {
    counter *reachable;
    char principal[100];
} reached;

static void note_identity(void *user_data, const onem2m_ws_registree_event *event) {
    reached *c = (reached *)user_data;
    if (event->kind != ONEM2M_WS_REGISTREE_REACHABLE) {
        CHECK(event->identity == NULL);
        return;
    }
    CHECK(event->identity != NULL);
    copy_text(c->principal, sizeof c->principal, onem2m_ws_peer_identity_principal(event->identity));
    counter_add(c->reachable);
}

static void tls_ws_7_2_events_say_who_is_authenticated(void) {
    onem2m_ws_registrar_callbacks callbacks;
    onem2m_ws_registrar *r;
    onem2m_ws_client *client;
    reached c;
    memset(&c, 0, sizeof c);
    c.reachable = counter_new();
    memset(&callbacks, 0, sizeof callbacks);
    callbacks.struct_size = sizeof callbacks;
    callbacks.user_data = &c;
    callbacks.on_event = note_identity;
    r = start_secure(secure_settings(tls_of("registrar")), &callbacks);
    client = secure_client(url_of(r), "Ssensor", tls_of("sensor"));
    register_ae(client, "sensor");
    WAIT_FOR(c.reachable, 1);
    CONTAINS(c.principal, "URI://onem2m-ws.example/Ssensor");
    onem2m_ws_client_free(client);
    onem2m_ws_registrar_free(r);
}

// With a library that was built for OpenSSL this is a connection, otherwise an error that says so.
static void tls_ws_7_1_pre_shared_keys_need_openssl(void) {
    static const unsigned char key[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0xab};
    const char *const id = "7f3a@mef.sp.example", *const digits = "0102030405060708090a0b0c0d0e0fab";
    onem2m_ws_tls *tls = NULL;
    onem2m_ws_registrar_config *config;
    onem2m_ws_registrar *r = NULL;
    onem2m_ws_client *client;
    onem2m_ws_peer_identity *identity = NULL;
    const char *const entities[] = {"Cone"};
    char line[100];
    int32_t result;
    snprintf(line, sizeof line, "%s:%s\n", id, digits);
    OK(onem2m_ws_tls_new(&tls));
    OK(onem2m_ws_tls_add_pre_shared_keys(tls, line));
    OK(onem2m_ws_tls_add_peer(tls, "PSK:7f3a@mef.sp.example", entities, 1));
    config = secure_settings(tls);
    result = onem2m_ws_registrar_start(config, &r);
    onem2m_ws_registrar_config_free(config);
    ERROR_HIDES(digits);
    if (result != 0) {
        EQUAL(result, ONEM2M_WS_INVALID_ARGUMENT);
        ERROR_SAYS("openssl");
        return;
    }
    OK(onem2m_ws_tls_new(&tls));
    OK(onem2m_ws_tls_add_pre_shared_key(tls, id, key, sizeof key));
    client = secure_client(url_of(r), "Cone", tls);
    register_ae(client, "one");
    OK(onem2m_ws_registrar_peer_identity(r, "Cone", &identity));
    TEXT(onem2m_ws_peer_identity_framework(identity), "pre-shared-key");
    TEXT(onem2m_ws_peer_identity_name(identity, 0), "PSK:7f3a@mef.sp.example");
    onem2m_ws_peer_identity_free(identity);
    onem2m_ws_client_free(client);
    onem2m_ws_registrar_free(r);
}

// --- what is wrong with a credential ---------------------------------------------------------------------------------

typedef struct {
    counter *refused;
    char cause[400], peer[60];
    onem2m_ws_registrar *registrar;
    pthread_t thread;
    int polled;
} refusals;

static void note_refusal(void *user_data, const onem2m_ws_registree_event *event) {
    refusals *c = (refusals *)user_data;
    if (event->kind != ONEM2M_WS_REGISTREE_TLS_REFUSED) return;
    if (c->polled) CHECK(pthread_equal(c->thread, pthread_self()));
    copy_text(c->cause, sizeof c->cause, event->cause);
    copy_text(c->peer, sizeof c->peer, event->peer);
    TEXT(event->entity, NULL);
    counter_add(c->refused);
}

static onem2m_ws_registrar *telling_registrar(refusals *c, onem2m_ws_tls *tls) {
    onem2m_ws_registrar_callbacks callbacks;
    memset(c, 0, sizeof *c);
    c->refused = counter_new();
    memset(&callbacks, 0, sizeof callbacks);
    callbacks.struct_size = sizeof callbacks;
    callbacks.user_data = c;
    callbacks.on_event = note_refusal;
    return start_secure(secure_settings(tls), &callbacks);
}

static void tls_ws_7_1_the_registrar_judges_clients(void) {
    struct {
        const char *name, *says, *told;
    } cases[] = {
        {"expired", "has expired", "expired"},
        {"stranger", "does not trust the authority", "trusted"},
        {"node", "alert", "names no entity"},
        {"one", "is revoked", "revoked"},
        {NULL, "certificate", "no certificate"},
    };
    refusals told;
    onem2m_ws_tls *tls = tls_of("registrar");
    onem2m_ws_registrar *r;
    onem2m_ws_refusal_counters counters;
    onem2m_ws_client *client;
    int32_t version;
    size_t i;
    int count = 0;
    OK(onem2m_ws_tls_add_revoked(tls, file("one.crl")));
    r = telling_registrar(&told, tls);
    for (version = ONEM2M_WS_TLS_1_2; version <= ONEM2M_WS_TLS_1_3; version++) {
        for (i = 0; i < sizeof cases / sizeof *cases; i++) {
            if (cases[i].name != NULL) tls = tls_of(cases[i].name);
            else {
                OK(onem2m_ws_tls_new(&tls));
                OK(onem2m_ws_tls_trust(tls, file("ca.pem")));
            }
            OK(onem2m_ws_tls_set_versions(tls, version, version));
            EQUAL(connecting(url_of(r), tls), ONEM2M_WS_CREDENTIAL_REFUSED);
            ERROR_SAYS(cases[i].says);
            ERROR_SAYS("127.0.0.1");
            WAIT_FOR(told.refused, ++count);
            CONTAINS(told.cause, cases[i].told);
            CONTAINS(told.peer, "127.0.0.1:");
        }
    }
    client = secure_client(url_of(r), "Ctwo", tls_of("two"));
    OK(onem2m_ws_client_connect(client, 20000));
    onem2m_ws_client_free(client);
    counters.struct_size = sizeof counters;
    OK(onem2m_ws_registrar_refusal_counters(r, &counters));
    EQUAL(counters.tls, count);
    EQUAL(counters.half_open + counters.connections, 0);
    onem2m_ws_registrar_free(r);
}

static void tls_ws_7_1_a_client_judges_the_registrar(void) {
    onem2m_ws_registrar *r = secure_registrar(tls_of("elsewhere"));
    onem2m_ws_tls *tls = tls_of("one");
    EQUAL(connecting(url_of(r), tls), ONEM2M_WS_PEER_NOT_TRUSTED);
    ERROR_SAYS("server_name");
    tls = tls_of("one");
    OK(onem2m_ws_tls_set_server_name(tls, "elsewhere.example"));
    OK(connecting(url_of(r), tls));
    OK(onem2m_ws_tls_new(&tls));
    OK(onem2m_ws_tls_set_certificate(tls, file("one.pem"), file("one.key")));
    OK(onem2m_ws_tls_trust(tls, file("other-ca.pem")));
    EQUAL(connecting(url_of(r), tls), ONEM2M_WS_PEER_NOT_TRUSTED);
    ERROR_SAYS("trust the authority that did");
    onem2m_ws_registrar_free(r);
    r = secure_registrar(tls_of("registrar"));
    tls = tls_of("one");
    OK(onem2m_ws_tls_add_revoked(tls, file("registrar.crl")));
    EQUAL(connecting(url_of(r), tls), ONEM2M_WS_PEER_NOT_TRUSTED);
    ERROR_SAYS("evoked");
    onem2m_ws_registrar_free(r);
    CONTAINS(onem2m_ws_result_name(-70), "ONEM2M_WS_PEER_NOT_TRUSTED");
    CONTAINS(onem2m_ws_result_name(-71), "ONEM2M_WS_CREDENTIAL_REFUSED");
}

static void tls_what_is_no_tls_is_told(void) {
    const enum misbehaviour kinds[] = {SPEAKS_NO_WEBSOCKET, REFUSES_WITH_403, CLOSES_AT_ONCE};
    onem2m_ws_tls *tls = tls_of("registrar");
    onem2m_ws_registrar *r;
    onem2m_ws_client *client;
    char url[80];
    size_t i;
    for (i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        char *bad = bad_server(kinds[i]);
        snprintf(url, sizeof url, "wss%s", strchr(bad, ':'));
        EQUAL(connecting(url, tls_of("one")), ONEM2M_WS_TLS_FAILED);
        free(bad);
    }
    snprintf(url, sizeof url, "wss%s", strchr(registrar_url(), ':'));
    EQUAL(connecting(url, tls_of("one")), ONEM2M_WS_TLS_FAILED);
    ERROR_SAYS("TLS");
    OK(onem2m_ws_tls_set_versions(tls, ONEM2M_WS_TLS_1_3, ONEM2M_WS_TLS_1_3));
    r = secure_registrar(tls);
    tls = tls_of("one");
    OK(onem2m_ws_tls_set_versions(tls, ONEM2M_WS_TLS_1_2, ONEM2M_WS_TLS_1_2));
    EQUAL(connecting(url_of(r), tls), ONEM2M_WS_TLS_FAILED);
    ERROR_SAYS("version");
    CONTAINS(onem2m_ws_result_name(-46), "ONEM2M_WS_TLS_FAILED");
    // Without TLS there is nothing to be had at a wss place.
    snprintf(url, sizeof url, "ws%s", strchr(url_of(r), ':'));
    client = new_client(config_for(url, "Cone"), NULL);
    CHECK(onem2m_ws_client_connect(client, 20000) < 0);
    onem2m_ws_client_free(client);
    onem2m_ws_registrar_free(r);
}

// --- reading files anew ----------------------------------------------------------------------------------------------

static void tls_ws_7_1_reading_files_anew_closes_what_is_revoked(void) {
    const char *list = path_of("registrars.crl");
    onem2m_ws_tls *tls = tls_of("registrar");
    onem2m_ws_registrar *r;
    onem2m_ws_client *one, *two;
    client_log *log = client_log_new();
    onem2m_ws_callbacks callbacks = logs_to(log);
    size_t closed = 99;
    int before;
    copy_file(file("none.crl"), list);
    OK(onem2m_ws_tls_add_revoked(tls, list));
    r = secure_registrar(tls);
    callbacks.on_state = log_state;
    one = new_client(secure_config(url_of(r), "Cone", tls_of("one")), &callbacks);
    two = secure_client(url_of(r), "Ctwo", tls_of("two"));
    register_ae(one, "one");
    register_ae(two, "two");
    OK(onem2m_ws_registrar_reload_tls(r, &closed)); // the same again
    EQUAL(closed, 0);

    // A file that cannot be used changes nothing.
    remove(list);
    closed = 99;
    EQUAL(onem2m_ws_registrar_reload_tls(r, &closed), ONEM2M_WS_INVALID_ARGUMENT);
    ERROR_SAYS(list);
    EQUAL(closed, 0);
    EQUAL(status_of(one, request_for(ONEM2M_WS_RETRIEVE, "cse-in/one", 0, NULL)), 2000);

    before = counter_get(log->stated);
    copy_file(file("one.crl"), list);
    OK(onem2m_ws_registrar_reload_tls(r, &closed));
    EQUAL(closed, 1);
    WAIT_FOR(log->stated, before + 1); // its connection ended
    EQUAL(onem2m_ws_client_connect(one, 20000), ONEM2M_WS_CREDENTIAL_REFUSED);
    ERROR_SAYS("is revoked");
    EQUAL(status_of(two, request_for(ONEM2M_WS_RETRIEVE, "cse-in/two", 0, NULL)), 2000);
    OK(onem2m_ws_registrar_reload_tls(r, NULL));

    // Forgiven, it comes back.
    copy_file(file("none.crl"), list);
    OK(onem2m_ws_registrar_reload_tls(r, &closed));
    EQUAL(closed, 0);
    OK(onem2m_ws_client_connect(one, 20000));
    EQUAL(status_of(one, request_for(ONEM2M_WS_RETRIEVE, "cse-in/one", 0, NULL)), 2000);
    onem2m_ws_client_free(one);
    onem2m_ws_client_free(two);
    onem2m_ws_registrar_free(r);
    remove(list);
}

static void tls_ws_7_1_a_client_reads_its_files_anew(void) {
    const char *list = path_of("clients.crl");
    onem2m_ws_registrar *r = secure_registrar(tls_of("registrar"));
    onem2m_ws_tls *tls = tls_of("one");
    onem2m_ws_client *client;
    long long end = now_ms() + 20000;
    copy_file(file("none.crl"), list);
    OK(onem2m_ws_tls_add_revoked(tls, list));
    client = secure_client(url_of(r), "Cone", tls);
    register_ae(client, "one");
    OK(onem2m_ws_client_reload_tls(client));
    EQUAL(onem2m_ws_client_state(client), ONEM2M_WS_REGISTERED);
    remove(list);
    EQUAL(onem2m_ws_client_reload_tls(client), ONEM2M_WS_INVALID_ARGUMENT);
    ERROR_SAYS(list);
    EQUAL(status_of(client, request_for(ONEM2M_WS_RETRIEVE, "cse-in/one", 0, NULL)), 2000);

    copy_file(file("registrar.crl"), list);
    OK(onem2m_ws_client_reload_tls(client));
    while (onem2m_ws_client_state(client) == ONEM2M_WS_REGISTERED) {
        CHECK(now_ms() < end);
        pause_ms(5);
    }
    EQUAL(onem2m_ws_client_connect(client, 20000), ONEM2M_WS_PEER_NOT_TRUSTED);
    onem2m_ws_client_free(client);
    onem2m_ws_registrar_free(r);
    remove(list);
}

// --- every way to use a client, over wss -----------------------------------------------------------------------------

typedef struct {
    counter *notified, *completed;
    pthread_t thread;
    int polled;
} heard;

static void on_notification(void *user_data, onem2m_ws_request *request) {
    heard *h = (heard *)user_data;
    if (h->polled) CHECK(pthread_equal(h->thread, pthread_self()));
    OK(onem2m_ws_request_respond(request, 2000, NULL));
    onem2m_ws_request_free(request);
    counter_add(h->notified);
}

static void on_completion(void *user_data, int32_t result, const onem2m_ws_response *response) {
    heard *h = (heard *)user_data;
    if (h->polled) CHECK(pthread_equal(h->thread, pthread_self()));
    OK(result);
    EQUAL(onem2m_ws_response_status(response), 2001);
    counter_add(h->completed);
}

// An AE that is notified of what it publishes: with a dispatcher thread, or in poll mode.
static void exchange_over_wss(int polled) {
    onem2m_ws_registrar *r = secure_registrar(tls_of("registrar"));
    onem2m_ws_client_config *config = secure_config(url_of(r), "Cone", tls_of("one"));
    onem2m_ws_client *client = NULL;
    onem2m_ws_response *response = NULL;
    onem2m_ws_callbacks callbacks;
    heard h;
    long long end = now_ms() + 20000;
    int i;
    memset(&h, 0, sizeof h);
    h.notified = counter_new();
    h.completed = counter_new();
    h.thread = pthread_self();
    h.polled = polled;
    callbacks = callbacks_with(&h);
    callbacks.on_request = on_notification;
    OK(onem2m_ws_client_config_set_poll_mode(config, polled != 0));
    OK(onem2m_ws_client_new(config, &callbacks, &client));
    onem2m_ws_client_config_free(config);
    register_ae(client, "one");
    create_container(client, "cse-in/one", "data");
    OK(onem2m_ws_client_subscribe(client, "cse-in/one/data", NULL, 20000, &response));
    EQUAL(onem2m_ws_response_status(response), 2001);
    onem2m_ws_response_free(response);
    EQUAL(publish(client, "cse-in/one/data", "0"), 2001); // blocking
    for (i = 1; i < 20; i++) {
        onem2m_ws_request *request =
            request_for(ONEM2M_WS_CREATE, "cse-in/one/data", ONEM2M_WS_CONTENT_INSTANCE, "{\"m2m:cin\":{\"con\":\"1\"}}");
        OK(onem2m_ws_client_send_async(client, request, on_completion, &h, NULL));
        onem2m_ws_request_free(request);
    }
    while (polled && (counter_get(h.completed) < 19 || counter_get(h.notified) < 20)) {
        struct pollfd fd;
        fd.fd = onem2m_ws_client_fd(client);
        fd.events = POLLIN;
        CHECK(fd.fd >= 0 && now_ms() < end);
        CHECK(poll(&fd, 1, 1000) >= 0);
        OK(onem2m_ws_client_dispatch(client, 0));
    }
    WAIT_FOR(h.completed, 19);
    WAIT_FOR(h.notified, 20);
    OK(onem2m_ws_client_close(client, 20000));
    onem2m_ws_client_free(client);
    onem2m_ws_registrar_free(r);
}

static void tls_ws_7_1_with_callbacks(void) {
    exchange_over_wss(0);
}

static void tls_ws_7_1_in_poll_mode(void) {
    exchange_over_wss(1);
}

static void tls_refusals_are_told_in_poll_mode(void) {
    refusals told;
    onem2m_ws_registrar_callbacks callbacks;
    onem2m_ws_registrar_config *config = secure_settings(tls_of("registrar"));
    long long end = now_ms() + 20000;
    memset(&told, 0, sizeof told);
    told.refused = counter_new();
    told.thread = pthread_self();
    told.polled = 1;
    memset(&callbacks, 0, sizeof callbacks);
    callbacks.struct_size = sizeof callbacks;
    callbacks.user_data = &told;
    callbacks.on_event = note_refusal;
    OK(onem2m_ws_registrar_config_set_poll_mode(config, true));
    told.registrar = start_secure(config, &callbacks);
    EQUAL(connecting(url_of(told.registrar), tls_of("stranger")), ONEM2M_WS_CREDENTIAL_REFUSED);
    while (counter_get(told.refused) < 1) {
        CHECK(now_ms() < end);
        OK(onem2m_ws_registrar_dispatch(told.registrar, 100));
    }
    onem2m_ws_registrar_free(told.registrar);
}

// --- a registrar with several places, and one above it ---------------------------------------------------------------

static void tls_each_place_may_have_settings_of_its_own(void) {
    onem2m_ws_registrar_config *config = NULL;
    onem2m_ws_tls *tls = tls_of("elsewhere");
    onem2m_ws_registrar *r;
    const char *plain = NULL, *secure = NULL;
    char urls[3][64];
    int i;
    OK(onem2m_ws_registrar_config_new(&config));
    OK(onem2m_ws_registrar_config_set_listen(config, "ws://127.0.0.1:0"));
    OK(onem2m_ws_registrar_config_listen_with(config, "nowhere", tls));
    EQUAL(onem2m_ws_registrar_start(config, &r), ONEM2M_WS_INVALID_ARGUMENT);
    ERROR_SAYS("nowhere");
    OK(onem2m_ws_registrar_config_listen_with(config, "nowhere", NULL)); // not any more
    OK(onem2m_ws_registrar_config_listen_with(config, "wss://127.0.0.1:0", tls));
    onem2m_ws_tls_free(tls);
    r = start_secure(config, NULL);
    for (i = 0; i < 2; i++) {
        copy_text(urls[i], sizeof urls[i], onem2m_ws_registrar_point_of_access(r, (size_t)i));
        if (strncmp(urls[i], "wss://", 6) == 0) secure = urls[i];
        else plain = urls[i];
    }
    TEXT(onem2m_ws_registrar_point_of_access(r, 2), NULL);
    CHECK(plain != NULL && secure != NULL);
    tls = tls_of("one");
    OK(onem2m_ws_tls_set_server_name(tls, "elsewhere.example"));
    OK(connecting(secure, tls));
    onem2m_ws_client_free(new_client(config_for(plain, "Ctwo"), NULL));
    EQUAL(connecting(secure, tls_of("one")), ONEM2M_WS_PEER_NOT_TRUSTED);
    onem2m_ws_registrar_free(r);
}

static void tls_ws_7_1_an_mn_cse_joins_its_registrar_over_wss(void) {
    onem2m_ws_registrar *above = secure_registrar(tls_of("registrar")), *mn;
    onem2m_ws_registrar_config *config = NULL;
    onem2m_ws_client_config *connection = secure_config(url_of(above), NULL, tls_of("gateway"));
    onem2m_ws_client *ae;
    onem2m_ws_peer_identity *identity = NULL;
    char url[64];
    size_t closed = 99;
    long long end = now_ms() + 20000;
    OK(onem2m_ws_registrar_config_new(&config));
    OK(onem2m_ws_registrar_config_load_json(
        config, "{\"listen\":\"ws://127.0.0.1:0\",\"cse_id\":\"/id-mn\",\"cse_name\":\"cse-mn\"}"));
    OK(onem2m_ws_registrar_config_set_upstream(config, url_of(above), "/id-in"));
    OK(onem2m_ws_registrar_config_set_upstream_client(config, connection));
    onem2m_ws_client_config_free(connection);
    mn = start_secure(config, NULL);
    while (onem2m_ws_registrar_upstream_state(mn, NULL, NULL) != 1) {
        CHECK(now_ms() < end);
        pause_ms(10);
    }
    OK(onem2m_ws_registrar_reload_tls(mn, &closed)); // that of the way up
    EQUAL(closed, 0);
    OK(onem2m_ws_registrar_peer_identity(above, "/id-mn", &identity));
    TEXT(onem2m_ws_peer_identity_entity(identity, 0), "//onem2m-ws.example/id-mn");
    onem2m_ws_peer_identity_free(identity);
    // Somebody at the MN-CSE uses the tree of the registrar above, over the connection of the MN-CSE.
    copy_text(url, sizeof url, onem2m_ws_registrar_point_of_access(mn, 0));
    ae = new_client(config_for(url, "Cbelow"), NULL);
    OK(onem2m_ws_client_register_ae(ae, NULL, "Ntest", "below", NULL, 20000));
    EQUAL(status_of(ae, request_for(ONEM2M_WS_RETRIEVE, "/id-in/cse-in", 0, NULL)), 2000);
    onem2m_ws_client_free(ae);
    onem2m_ws_registrar_free(mn);
    onem2m_ws_registrar_free(above);
}

// --- signals ---------------------------------------------------------------------------------------------------------

static void ignore_outcome(void *user_data, int32_t result, const onem2m_ws_response *response) {
    (void)result;
    (void)response;
    counter_add((counter *)user_data);
}

// True if a SIGPIPE was raised in a thread of this process and waits there, since the thread has it blocked. Linux says so.
static int sigpipe_was_raised(void) {
    char line[200];
    int raised = 0;
    FILE *all = popen("cat /proc/$PPID/task/*/status 2>/dev/null", "r");
    CHECK(all != NULL);
    while (fgets(line, sizeof line, all) != NULL)
        if (strncmp(line, "SigPnd:", 7) == 0 || strncmp(line, "ShdPnd:", 7) == 0)
            if ((strtoull(line + 7, NULL, 16) >> (SIGPIPE - 1)) & 1) raised = 1;
    pclose(all);
    return raised;
}

static void tls_sigpipe_is_not_raised_by_a_peer_that_resets(void) {
    onem2m_ws_registrar *r = secure_registrar(tls_of("registrar"));
    proxy *p = proxy_to(url_of(r));
    counter *done = counter_new();
    onem2m_ws_client_config *config;
    onem2m_ws_client *client = NULL;
    onem2m_ws_request *request;
    char url[64];
    size_t size = 400000;
    int round, i, sent = 0;
    char *content = (char *)malloc(size + 1);
    // As in a program that has never heard of SIGPIPE.
    signal(SIGPIPE, SIG_DFL);
    memset(content, ' ', size);
    memcpy(content, "{\"m2m:sgn\":{", 12);
    memcpy(content + size - 2, "}}", 3);
    snprintf(url, sizeof url, "wss%s", strchr(proxy_url(p), ':'));
    config = secure_config(url, "Cone", tls_of("one"));
    OK(onem2m_ws_client_config_load_json(config, "{\"reopening_first_delay_ms\":1,\"reopening_largest_delay_ms\":5}"));
    OK(onem2m_ws_client_new(config, NULL, &client));
    onem2m_ws_client_config_free(config);
    register_ae(client, "one");
    request = request_for(ONEM2M_WS_NOTIFY, "cse-in/nobody", 0, content);
    for (round = 0; round < 30; round++) {
        int attempts = 0;
        while (onem2m_ws_client_connect(client, 10000) != 0) CHECK(++attempts < 20);
        for (i = 0; i < 8; i++)
            if (onem2m_ws_client_send_async(client, request, ignore_outcome, done, NULL) == 0) sent++;
        if (round % 3 != 0) pause_ms(round % 3);
        proxy_reset(p);
    }
    CHECK(!sigpipe_was_raised());
    onem2m_ws_client_free(client);
    EQUAL(counter_get(done), sent);
    onem2m_ws_request_free(request);
    free(content);
    onem2m_ws_registrar_free(r);
}

const test tests_tls[] = {
    {"tls_null_is_an_error_everywhere", tls_null_is_an_error_everywhere},
    {"tls_settings_are_named_by_their_errors_which_show_no_secret",
     tls_settings_are_named_by_their_errors_which_show_no_secret},
    {"tls_credentials_in_the_opening_handshake_are_shown_by_no_error",
     tls_credentials_in_the_opening_handshake_are_shown_by_no_error},
    {"tls_ws_7_1_mutual_tls_in_both_versions", tls_ws_7_1_mutual_tls_in_both_versions},
    {"tls_pem_in_memory_is_copied_and_may_be_erased", tls_pem_in_memory_is_copied_and_may_be_erased},
    {"tls_ws_7_1_raw_public_keys", tls_ws_7_1_raw_public_keys},
    {"tls_ws_7_1_a_certificate_that_names_nobody", tls_ws_7_1_a_certificate_that_names_nobody},
    {"tls_ws_7_2_nobody_speaks_for_somebody_else", tls_ws_7_2_nobody_speaks_for_somebody_else},
    {"tls_ws_7_2_events_say_who_is_authenticated", tls_ws_7_2_events_say_who_is_authenticated},
    {"tls_ws_7_1_pre_shared_keys_need_openssl", tls_ws_7_1_pre_shared_keys_need_openssl},
    {"tls_ws_7_1_the_registrar_judges_clients", tls_ws_7_1_the_registrar_judges_clients},
    {"tls_ws_7_1_a_client_judges_the_registrar", tls_ws_7_1_a_client_judges_the_registrar},
    {"tls_what_is_no_tls_is_told", tls_what_is_no_tls_is_told},
    {"tls_ws_7_1_reading_files_anew_closes_what_is_revoked", tls_ws_7_1_reading_files_anew_closes_what_is_revoked},
    {"tls_ws_7_1_a_client_reads_its_files_anew", tls_ws_7_1_a_client_reads_its_files_anew},
    {"tls_ws_7_1_with_callbacks", tls_ws_7_1_with_callbacks},
    {"tls_ws_7_1_in_poll_mode", tls_ws_7_1_in_poll_mode},
    {"tls_refusals_are_told_in_poll_mode", tls_refusals_are_told_in_poll_mode},
    {"tls_each_place_may_have_settings_of_its_own", tls_each_place_may_have_settings_of_its_own},
    {"tls_ws_7_1_an_mn_cse_joins_its_registrar_over_wss", tls_ws_7_1_an_mn_cse_joins_its_registrar_over_wss},
    {"tls_sigpipe_is_not_raised_by_a_peer_that_resets", tls_sigpipe_is_not_raised_by_a_peer_that_resets},
    {NULL, NULL},
};
