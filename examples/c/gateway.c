/*
 * A gateway: an MN-CSE that serves its own registrees, and is a registree of a registrar itself. What is for the registrar, or
 * for somebody behind it, goes up; what comes from there goes to the registrees; what cannot be notified now is kept.
 *
 *     make build && build/examples/gateway --registrar ws://127.0.0.1:9000 [--listen ws://127.0.0.1:9001]
 *         [--registrar-cse-id /id-in] [--registrar-cse-name -] [--cse-id /id-mn] [--cse-name cse-mn] [--preset acme]
 *
 * It runs until Ctrl-C. An AE at it addresses the registrar's resources as /id-in/..., and is /id-mn/C... there.
 */
#define _POSIX_C_SOURCE 200809L /* for sigaction() */

#include <onem2m_ws.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const char *registrar, *registrar_id, *registrar_name; /* the one above */
    const char *listen, *id, *name, *sp_id;                /* this one */
    const char *preset;
    onem2m_ws_registrar *gateway;
} program;

static void must(int32_t result) {
    if (result != ONEM2M_WS_OK) {
        fprintf(stderr, "gateway: %s\n", onem2m_ws_last_error());
        exit(1);
    }
}

static program read_options(int argc, char **argv) {
    program p = {NULL, "/id-in", "-", "ws://127.0.0.1:9001", "/id-mn", "cse-mn", NULL, "default", NULL};
    int i, wrong = 0;
    for (i = 1; !wrong && i < argc; i += 2) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (value == NULL) wrong = 1;
        else if (strcmp(argv[i], "--registrar") == 0) p.registrar = value;
        else if (strcmp(argv[i], "--registrar-cse-id") == 0) p.registrar_id = value;
        else if (strcmp(argv[i], "--registrar-cse-name") == 0) p.registrar_name = value;
        else if (strcmp(argv[i], "--listen") == 0) p.listen = value;
        else if (strcmp(argv[i], "--cse-id") == 0) p.id = value;
        else if (strcmp(argv[i], "--cse-name") == 0) p.name = value;
        else if (strcmp(argv[i], "--sp-id") == 0) p.sp_id = value;
        else if (strcmp(argv[i], "--preset") == 0) p.preset = value;
        else wrong = 1;
    }
    if (wrong || p.registrar == NULL) {
        fprintf(stderr, "gateway: usage: gateway --registrar ws://HOST:PORT [--listen ws://HOST:PORT] [--registrar-cse-id /ID] "
                        "[--registrar-cse-name NAME] [--cse-id /ID] [--cse-name NAME] [--sp-id //DOMAIN] [--preset acme]\n");
        exit(1);
    }
    return p;
}

/* Called by onem2m_ws_registrar_dispatch(): how it stands with the registrar above, now and after each change. */
static void on_upstream(void *user_data, const onem2m_ws_upstream_state *state) {
    const program *p = (const program *)user_data;
    if (state->is_registered)
        printf("gateway: registered at %s, %s; %d wait for it\n", p->registrar_id, p->registrar,
               (int)onem2m_ws_registrar_waiting(p->gateway, p->registrar_id));
    else if (state->cause != ONEM2M_WS_OK)
        printf("gateway: %s is away: %.*s\n", p->registrar_id, (int)state->message.len, state->message.data);
    else
        printf("gateway: %s is not joined yet\n", p->registrar_id);
}

static void start(program *p) {
    onem2m_ws_registrar_config *config = NULL;
    onem2m_ws_client_config *connection = NULL;
    onem2m_ws_registrar_callbacks callbacks;
    onem2m_ws_text address;

    /* What the connection to the registrar above asks for. */
    must(onem2m_ws_client_config_new(p->registrar, &connection));
    must(onem2m_ws_client_config_set_preset(connection, p->preset));

    must(onem2m_ws_registrar_config_new(&config));
    must(onem2m_ws_registrar_config_set_listen(config, p->listen));
    must(onem2m_ws_registrar_config_set_cse_id(config, p->id));
    must(onem2m_ws_registrar_config_set_cse_name(config, p->name));
    if (p->sp_id != NULL) must(onem2m_ws_registrar_config_set_sp_id(config, p->sp_id));
    must(onem2m_ws_registrar_config_set_upstream(config, p->registrar, p->registrar_id));
    must(onem2m_ws_registrar_config_set_upstream_below(config, p->registrar_name));
    must(onem2m_ws_registrar_config_set_upstream_client(config, connection));
    must(onem2m_ws_registrar_config_set_poll_mode(config, true)); /* on_upstream is called in main() */

    memset(&callbacks, 0, sizeof callbacks);
    callbacks.struct_size = sizeof callbacks;
    callbacks.user_data = p;
    callbacks.on_upstream = on_upstream;
    must(onem2m_ws_registrar_start_with(config, &callbacks, &p->gateway));
    onem2m_ws_registrar_config_free(config);
    onem2m_ws_client_config_free(connection);
    address = onem2m_ws_registrar_point_of_access(p->gateway, 0);
    printf("gateway: %s listens at %.*s\n", p->id, (int)address.len, address.data);
}

static volatile sig_atomic_t stopping;

static void on_signal(int number) {
    (void)number;
    stopping = 1;
}

int main(int argc, char **argv) {
    program p = read_options(argc, argv);
    struct sigaction action;

    setvbuf(stdout, NULL, _IOLBF, 0);
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    sigaction(SIGINT, &action, NULL);

    start(&p);
    while (!stopping) must(onem2m_ws_registrar_dispatch(p.gateway, 100));
    /* Its registration stays in force, and so do those of its registrees. */
    printf("gateway: stops\n");
    must(onem2m_ws_registrar_stop(p.gateway, 0));
    onem2m_ws_registrar_free(p.gateway);
    return 0;
}
