// What the C tests share: checks that say where they failed, a registrar, clients, and peers that misbehave.
//
// One program has all tests; ../../ffi-c/tests/c_programs.rs compiles it as C99 and as C++17, links it to the shared and
// to the static library, and runs each test in a process of its own.
#ifndef TEST_H
#define TEST_H

#include <onem2m_ws.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const char *name;
    void (*run)(void);
} test;

// Each file's tests; the last one has no name.
extern const test tests_api[], tests_bad_input[], tests_exchange[], tests_callbacks[], tests_process[], tests_formats[],
    tests_life[], tests_outbox[], tests_registrar[], tests_tls[];

// --- checks: the first that fails ends the program, with file and line -----------------------------------------------

void fail(const char *file, int line, const char *what, const char *more);
void check_number(const char *file, int line, const char *what, long long is, long long expected);
void check_text(const char *file, int line, const char *what, onem2m_ws_text is, const char *expected);
void check_contains(const char *file, int line, const char *what, const char *text, const char *part);
void check_hides(const char *file, int line, const char *what, const char *text, const char *secret);

#define CHECK(condition) ((condition) ? (void)0 : fail(__FILE__, __LINE__, #condition, NULL))
#define EQUAL(is, expected) check_number(__FILE__, __LINE__, #is, (long long)(is), (long long)(expected))
#define OK(call) EQUAL(call, ONEM2M_WS_OK)
#define TEXT(view, expected) check_text(__FILE__, __LINE__, #view, view, expected)
#define ERROR_SAYS(part) check_contains(__FILE__, __LINE__, "last error", onem2m_ws_last_error(), part)
#define ERROR_HIDES(secret) check_hides(__FILE__, __LINE__, "last error", onem2m_ws_last_error(), secret)
#define CONTAINS(text, part) check_contains(__FILE__, __LINE__, #text, text, part)

// --- a number that callbacks count up, and that can be waited for ----------------------------------------------------

typedef struct counter counter;
counter *counter_new(void);
void counter_add(counter *c);
int counter_get(counter *c);
// Fails the test if it is not reached within 20 s.
void counter_wait(const char *file, int line, counter *c, int at_least);
#define WAIT_FOR(c, at_least) counter_wait(__FILE__, __LINE__, c, at_least)

void pause_ms(int milliseconds);
long long now_ms(void);

// --- our registrar, clients, requests --------------------------------------------------------------------------------

// Started with the first call; stopped by whoever wants to.
onem2m_ws_registrar *registrar(void);
const char *registrar_url(void);

// Started with the first call, with the certificate "registrar" (tls.c).
const char *secure_registrar_url(void);

// Starts one, also if another one that was freed a moment ago still has its address or its store.
onem2m_ws_registrar *start_registrar(onem2m_ws_registrar_config *config, const onem2m_ws_registrar_callbacks *callbacks);
onem2m_ws_registrar *registrar_at(const char *url);
onem2m_ws_registrar *registrar_named(const char *name, const char *url);
// A path for a file of this test's own; there is none. Four can be used at a time.
const char *path_of(const char *name);

// What clients of config_for() offer from now on: one of onem2m_ws_format.
void speak(int32_t format);
onem2m_ws_client_config *config_for(const char *url, const char *originator);
// Of an administrator, who needs no registration.
onem2m_ws_client_config *admin_at(const char *url);
onem2m_ws_client *client_for(const char *originator, const onem2m_ws_callbacks *callbacks);
// A client that is registered as <AE> cse-in/NAME with the originator C and NAME.
onem2m_ws_client *registered(const char *name, const onem2m_ws_callbacks *callbacks);
onem2m_ws_callbacks callbacks_with(void *user_data);

onem2m_ws_request *request_for(int operation, const char *to, int type, const char *content);
// Sends and frees the request; returns the status of the response.
int status_of(onem2m_ws_client *client, onem2m_ws_request *request);
void create_container(onem2m_ws_client *client, const char *to, const char *name);
int publish(onem2m_ws_client *client, const char *to, const char *value);

// --- what happened to a client ---------------------------------------------------------------------------------------

typedef struct {
    int kind, result, status, unknown; // the status of the response, or of the answer that is the error's
    long long until_ms;
    char id[80], entity[40], message[200];
} client_event;

typedef struct {
    counter *called, *stated; // events, and changes of the connection
    client_event events[40];
    int states[40];
} client_log;

client_log *client_log_new(void);
void copy_text(char *to, size_t size, onem2m_ws_text from);
void log_state(void *user_data, const onem2m_ws_state *state);
// Callbacks that note every event.
onem2m_ws_callbacks logs_to(client_log *c);
// A client that tries again soon; frees its settings.
onem2m_ws_client *new_client(onem2m_ws_client_config *config, const onem2m_ws_callbacks *callbacks);

// --- peers that misbehave --------------------------------------------------------------------------------------------

// A server that takes one connection after another and does this with each. Returns its ws:// address, to be freed.
enum misbehaviour { STAYS_SILENT, REFUSES_WITH_403, SPEAKS_NO_WEBSOCKET, CLOSES_AT_ONCE };
char *bad_server(enum misbehaviour what);
// The address of a port that nobody listens at.
char *nobody(void);

// A proxy in front of our registrar: it can stop passing on what clients send, and reset connections.
typedef struct proxy proxy;
proxy *proxy_new(void);
// The same in front of whoever is at this address.
proxy *proxy_to(const char *url);
const char *proxy_url(const proxy *p);
void proxy_mute(proxy *p, int yes);
void proxy_reset(proxy *p);

// An HTTP proxy that leads to our registrar, whatever it is asked for, and wants the user "gateway" with the password "s@cret".
proxy *http_proxy_new(void);
// Writes "http://", these credentials ("user:password@" or ""), and where it is.
void http_proxy_url(const proxy *p, const char *credentials, char *url, size_t size);
// The last CONNECT, to be copied while nothing else asks.
const char *http_proxy_asked(const proxy *p);

#endif
