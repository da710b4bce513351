// What the library does to its process, and what happens at fork() and exit().
#include "test.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static void completed(void *user_data, int32_t result, const onem2m_ws_response *response) {
    (void)result;
    (void)response;
    if (user_data != NULL) counter_add((counter *)user_data);
}

static int exit_status_of(pid_t child) {
    int status = 0;
    CHECK(child > 0);
    CHECK(waitpid(child, &status, 0) == child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

// --- signals ---------------------------------------------------------------------------------------------------------

static volatile sig_atomic_t seen;

static void note_signal(int number) {
    seen = number;
}

static void process_signals_stay_with_the_program(void) {
    struct sigaction before[32], after;
    struct sigaction mine;
    sigset_t set, pending;
    onem2m_ws_client *client;
    int i;
    for (i = 1; i < 32; i++) sigaction(i, NULL, &before[i]);
    client = registered("signals", NULL); // all threads of the library run by now
    for (i = 1; i < 32; i++) {
        sigaction(i, NULL, &after);
        CHECK(before[i].sa_handler == after.sa_handler);
    }
    memset(&mine, 0, sizeof mine);
    mine.sa_handler = note_signal;
    sigaction(SIGUSR1, &mine, NULL);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    // Blocked here, it can only be taken by a thread of the library's; none takes it.
    CHECK(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0);
    CHECK(kill(getpid(), SIGUSR1) == 0);
    EQUAL(status_of(client, request_for(ONEM2M_WS_RETRIEVE, "cse-in", 0, NULL)), 2000);
    pause_ms(50);
    CHECK(seen == 0);
    CHECK(sigpending(&pending) == 0 && sigismember(&pending, SIGUSR1));
    CHECK(pthread_sigmask(SIG_UNBLOCK, &set, NULL) == 0);
    CHECK(seen == SIGUSR1);
    onem2m_ws_client_free(client);
}

static void process_sigpipe_is_not_raised_by_a_peer_that_resets(void) {
    proxy *p = proxy_new();
    counter *done = counter_new();
    onem2m_ws_client_config *config = config_for(proxy_url(p), "Cpipe");
    onem2m_ws_client *client = NULL;
    onem2m_ws_request *request;
    struct sigaction action;
    size_t size = 200000;
    int round, i, sent = 0;
    char *content = (char *)malloc(size + 1);
    // As in a program that has never heard of SIGPIPE.
    CHECK(sigaction(SIGPIPE, NULL, &action) == 0 && action.sa_handler == SIG_DFL);
    memset(content, ' ', size);
    memcpy(content, "{\"m2m:sgn\":{", 12);
    memcpy(content + size - 2, "}}", 3);
    OK(onem2m_ws_client_config_load_json(config, "{\"reopening_first_delay_ms\":1,\"reopening_largest_delay_ms\":5}"));
    OK(onem2m_ws_client_new(config, NULL, &client));
    onem2m_ws_client_config_free(config);
    OK(onem2m_ws_client_register_ae(client, NULL, "Ntest", "pipe", NULL, 0));
    request = request_for(ONEM2M_WS_NOTIFY, "cse-in/nobody", 0, content);
    for (round = 0; round < 30; round++) {
        // The reset may have met the client while it opened the connection again.
        int attempts = 0;
        while (onem2m_ws_client_connect(client, 10000) != 0) CHECK(++attempts < 20);
        for (i = 0; i < 8; i++)
            if (onem2m_ws_client_send_async(client, request, completed, done, NULL) == 0) sent++;
        if (round % 3 != 0) pause_ms(round % 3);
        proxy_reset(p);
    }
    onem2m_ws_client_free(client);
    EQUAL(counter_get(done), sent);
    onem2m_ws_request_free(request);
    free(content);
    CHECK(sigaction(SIGPIPE, NULL, &action) == 0 && action.sa_handler == SIG_DFL);
}

// --- fork ------------------------------------------------------------------------------------------------------------

static onem2m_ws_request *kept;
static int drops;

static void keep(void *user_data, onem2m_ws_request *request) {
    kept = request;
    counter_add((counter *)user_data);
}

static void count_drop(void *user_data) {
    (void)user_data;
    drops++;
}

static void in_the_child(onem2m_ws_client *client, onem2m_ws_client *polled, uint64_t call) {
    onem2m_ws_request *request = request_for(ONEM2M_WS_RETRIEVE, "cse-in", 0, NULL);
    onem2m_ws_outbox *outbox = NULL;
    onem2m_ws_delivery_counters delivered;
    onem2m_ws_counters counters;
    char entity[20];
    EQUAL(onem2m_ws_client_connect(client, 0), ONEM2M_WS_FORKED);
    ERROR_SAYS("fork()");
    EQUAL(onem2m_ws_client_send(client, request, 0, NULL), ONEM2M_WS_FORKED);
    EQUAL(onem2m_ws_client_send_async(client, request, completed, NULL, NULL), ONEM2M_WS_FORKED);
    EQUAL(onem2m_ws_client_register_ae(client, NULL, "N", NULL, NULL, 0), ONEM2M_WS_FORKED);
    EQUAL(onem2m_ws_client_register_cse(client, NULL, "/id", "cse", NULL, 0), ONEM2M_WS_FORKED);
    EQUAL(onem2m_ws_client_notify(client, "a", "{}", 0, NULL), ONEM2M_WS_FORKED);
    EQUAL(onem2m_ws_client_subscribe(client, "a", NULL, 0, NULL), ONEM2M_WS_FORKED);
    EQUAL(onem2m_ws_client_send_in(client, ONEM2M_WS_FLEX_BLOCKING, request, 0, NULL), ONEM2M_WS_FORKED);
    EQUAL(onem2m_ws_client_post(client, request, 0, NULL), ONEM2M_WS_FORKED);
    EQUAL(onem2m_ws_client_flush(client, 0), ONEM2M_WS_FORKED);
    EQUAL(onem2m_ws_client_outbox_len(client), ONEM2M_WS_FORKED);
    EQUAL(onem2m_ws_client_outbox(client, &outbox), ONEM2M_WS_FORKED);
    EQUAL(onem2m_ws_client_disconnect(client, 0), ONEM2M_WS_FORKED);
    EQUAL(onem2m_ws_client_close(client, 0), ONEM2M_WS_FORKED);
    EQUAL(onem2m_ws_client_close_async(client, completed, NULL, NULL), ONEM2M_WS_FORKED);
    EQUAL(onem2m_ws_client_cancel(client, call), ONEM2M_WS_FORKED);
    EQUAL(onem2m_ws_client_state(client), ONEM2M_WS_FORKED);
    EQUAL(onem2m_ws_client_entity(client, entity, sizeof entity, NULL), ONEM2M_WS_FORKED);
    counters.struct_size = sizeof counters;
    EQUAL(onem2m_ws_client_counters(client, &counters), ONEM2M_WS_FORKED);
    EQUAL(onem2m_ws_client_fd(polled), ONEM2M_WS_FORKED);
    EQUAL(onem2m_ws_client_dispatch(polled, 1000), ONEM2M_WS_FORKED);
    EQUAL(onem2m_ws_registrar_stop(registrar(), 0), ONEM2M_WS_FORKED);
    TEXT(onem2m_ws_registrar_point_of_access(registrar(), 0), NULL);
    delivered.struct_size = sizeof delivered;
    EQUAL(onem2m_ws_registrar_delivery_counters(registrar(), &delivered), ONEM2M_WS_FORKED);
    EQUAL(onem2m_ws_registrar_dispatch(registrar(), 0), ONEM2M_WS_FORKED);
    EQUAL(onem2m_ws_request_respond(kept, 2000, NULL), ONEM2M_WS_FORKED);
    TEXT(onem2m_ws_request_content(kept), "{\"m2m:sgn\":{}}"); // what is only data can be read
    onem2m_ws_request_free(kept);
    onem2m_ws_request_free(request);
    onem2m_ws_client_free(client);
    onem2m_ws_client_free(polled);
    onem2m_ws_registrar_free(registrar());
    EQUAL(drops, 0);
    // What is made here works: at the parent's registrar, which goes on.
    {
        onem2m_ws_client *own = registered("child", NULL);
        EQUAL(status_of(own, request_for(ONEM2M_WS_RETRIEVE, "cse-in/child", 0, NULL)), 2000);
        OK(onem2m_ws_client_close(own, 5000));
        onem2m_ws_client_free(own);
    }
    exit(0);
}

static void process_fork_ends_the_handles_of_the_parent_in_the_child_only(void) {
    counter *called = counter_new(), *done = counter_new();
    onem2m_ws_callbacks callbacks = callbacks_with(called);
    onem2m_ws_client *client, *polled = NULL;
    onem2m_ws_client_config *config = config_for(registrar_url(), "Cpolledfork");
    onem2m_ws_request *request = request_for(ONEM2M_WS_NOTIFY, "cse-in/forks", 0, "{\"m2m:sgn\":{}}");
    uint64_t call = 0;
    pid_t child;
    callbacks.on_request = keep;
    callbacks.drop = count_drop;
    client = registered("forks", &callbacks);
    OK(onem2m_ws_client_config_set_poll_mode(config, true));
    OK(onem2m_ws_client_new(config, NULL, &polled));
    onem2m_ws_client_config_free(config);
    OK(onem2m_ws_client_connect(polled, 0));
    OK(onem2m_ws_client_send_async(client, request, completed, done, &call));
    WAIT_FOR(called, 1);
    child = fork();
    if (child == 0) {
        alarm(20);
        in_the_child(client, polled, call);
    }
    EQUAL(exit_status_of(child), 0);
    // The parent goes on: the call that was under way is completed by our own answer.
    OK(onem2m_ws_request_respond(kept, 2000, NULL));
    onem2m_ws_request_free(kept);
    WAIT_FOR(done, 1);
    OK(onem2m_ws_client_close(client, 5000));
    onem2m_ws_client_free(client);
    EQUAL(drops, 1);
    onem2m_ws_client_free(polled);
    onem2m_ws_request_free(request);
}

// --- exit ------------------------------------------------------------------------------------------------------------

static onem2m_ws_client *at_exit_client;

static void close_at_exit(void) {
    OK(onem2m_ws_client_close(at_exit_client, 5000));
    onem2m_ws_client_free(at_exit_client);
    CHECK(onem2m_ws_request_new(77, "a", 0, NULL, NULL) < 0); // an error without a place for its text
    CHECK(onem2m_ws_last_error() != NULL);
    OK(onem2m_ws_registrar_stop(registrar(), 5000));
    onem2m_ws_registrar_free(registrar());
    _exit(42);
}

static void process_close_and_free_work_in_atexit(void) {
    pid_t child = fork(); // nothing of the library runs yet
    if (child == 0) {
        alarm(20);
        CHECK(atexit(close_at_exit) == 0);
        at_exit_client = registered("atexit", NULL);
        CHECK(onem2m_ws_request_new(77, "a", 0, NULL, NULL) < 0); // makes the storage of this thread
        exit(0);
    }
    EQUAL(exit_status_of(child), 42);
}

static void process_may_exit_with_calls_in_flight(void) {
    int round, i;
    for (round = 0; round < 50; round++) {
        pid_t child = fork();
        if (child == 0) {
            onem2m_ws_client *client;
            onem2m_ws_request *request = request_for(ONEM2M_WS_RETRIEVE, "cse-in", 0, NULL);
            alarm(20);
            client = registered("inflight", NULL);
            for (i = 0; i < 500; i++) OK(onem2m_ws_client_send_async(client, request, completed, NULL, NULL));
            if (round % 2) pause_ms(round % 10);
            exit(7);
        }
        EQUAL(exit_status_of(child), 7);
    }
}

#ifdef __cplusplus
namespace {
struct guard {
    onem2m_ws_client *client;
    ~guard() {
        if (client == NULL) return;
        OK(onem2m_ws_client_close(client, 5000));
        onem2m_ws_client_free(client);
        _exit(43);
    }
};
guard a_static_object = {NULL};
} // namespace

static void process_close_and_free_work_in_static_destructors(void) {
    pid_t child = fork();
    if (child == 0) {
        alarm(20);
        a_static_object.client = registered("static", NULL);
        exit(0);
    }
    EQUAL(exit_status_of(child), 43);
}
#endif

const test tests_process[] = {
    {"process_signals_stay_with_the_program", process_signals_stay_with_the_program},
    {"process_sigpipe_is_not_raised_by_a_peer_that_resets", process_sigpipe_is_not_raised_by_a_peer_that_resets},
    {"process_fork_ends_the_handles_of_the_parent_in_the_child_only",
     process_fork_ends_the_handles_of_the_parent_in_the_child_only},
    {"process_close_and_free_work_in_atexit", process_close_and_free_work_in_atexit},
    {"process_may_exit_with_calls_in_flight", process_may_exit_with_calls_in_flight},
#ifdef __cplusplus
    {"process_close_and_free_work_in_static_destructors", process_close_and_free_work_in_static_destructors},
#endif
    {NULL, NULL},
};
