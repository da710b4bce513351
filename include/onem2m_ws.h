/*
 * onem2m_ws.h - oneM2M over WebSocket (TS-0020, ITU-T Y.4500.20), for C and C++.
 *
 * Made from the Rust sources by `make header`; do not edit.
 *
 * What this library promises, and what it asks for
 * ------------------------------------------------
 * Handles      Every opaque type is a handle: the program gets it through an output argument (or as the argument of
 *              on_request) and gives it back to its _free, once. _free(NULL) does nothing. A handle must not be used after
 *              _free, nor be freed while another call uses it.
 * Threads      A handle taken as `const` may be used by several threads at the same time; one taken without must not be
 *              used by another thread during the call. All functions of a client and of a registrar but _free take `const`.
 * Callbacks    The callbacks of one client are never called at the same time, and in the order of events. They are called
 *              by a dispatcher thread, one for each client, or - in poll mode - only within onem2m_ws_client_dispatch(),
 *              onem2m_ws_client_close() and onem2m_ws_client_free(). So it is for a registrar, with
 *              onem2m_ws_registrar_dispatch() and onem2m_ws_registrar_free(). No lock of the library is held: every function may be
 *              called in every callback, blocking ones too; what would wait for itself returns ONEM2M_WS_WOULD_DEADLOCK, and
 *              _free waits for nothing there. While a callback runs, no other callback of its client does: it should be
 *              short. User data must be usable on the thread that delivers. Exceptions (C++) and longjmp() must not leave a
 *              callback.
 * Completions  A call that returned ONEM2M_WS_OK from an _async function has its completion called exactly once, unless it is
 *              cancelled; one that returned an error, never. After _free of the client nothing more is called, `drop` last.
 * Arguments    A text argument is UTF-8 that ends with a zero byte and does not change during the call; it is copied. NULL
 *              where it is not allowed, and text that is not UTF-8, are ONEM2M_WS_INVALID_ARGUMENT. An output argument points
 *              to a variable; on an error a handle that was asked for is NULL. A buffer or an array has the size that is given
 *              with it; an array of size 0 may be NULL. A struct with `struct_size` has that many bytes, zero where the program
 *              does not use them.
 * Views        An onem2m_ws_text belongs to the handle that it came from and is valid until that is changed or freed. It
 *              does not end with a zero byte.
 * Formats      Text of primitives and content is JSON everywhere, whatever format the connection has (onem2m_ws_format).
 * Errors       Functions return 0 or a negative onem2m_ws_result; onem2m_ws_last_error() has the text for this thread. A
 *              response whose status is not 2xxx is a response, not an error.
 * Time         Times are in milliseconds. `timeout_ms` 0 of a blocking call means: as long as the settings of the client
 *              allow, which is never endless. Settings have the defaults that their functions name.
 * The process  Nothing happens at load; threads (named onem2m-ws...) start with the first client or registrar. They have all
 *              signals blocked. No signal handler is installed, no SIGPIPE is raised.
 * fork()       In a child process every call with a handle of the parent's returns ONEM2M_WS_FORKED, and _free does nothing
 *              to it (`drop` is not called). Handles made in the child work. The parent goes on as if nothing had happened.
 * exit()       Calls may be made in atexit() functions and static destructors; onem2m_ws_last_error() may have no text there.
 * Panics       A defect of the library is caught and becomes ONEM2M_WS_INTERNAL; it never ends the process. Only then does
 *              the library print something: where the defect is, to standard error.
 * Stability    Numbers of enumerations and layouts of structs do not change; members are added at the end, functions and codes
 *              are added. What is incompatible changes ONEM2M_WS_ABI and the name libonem2m_ws.so.0. Enumerations are
 *              int32_t wherever they are passed.
 *
 * A whole program:
 *
 *     #include <onem2m_ws.h>
 *     #include <stdio.h>
 *
 *     int main(void) {
 *         onem2m_ws_client_config *config = NULL;
 *         onem2m_ws_client *client = NULL;
 *         onem2m_ws_request *request = NULL;
 *         onem2m_ws_response *response = NULL;
 *         int32_t result = onem2m_ws_client_config_new("ws://localhost:9000", &config);
 *         if (result == 0) result = onem2m_ws_client_config_set_originator(config, "Csensor");
 *         if (result == 0) result = onem2m_ws_client_new(config, NULL, &client);
 *         if (result == 0) result = onem2m_ws_client_connect(client, 0);
 *         if (result == 0) result = onem2m_ws_client_register_ae(client, NULL, "Nexample", "sensor", NULL, 0);
 *         if (result == 0)
 *             result = onem2m_ws_request_new(ONEM2M_WS_CREATE, "cse-in/sensor", ONEM2M_WS_CONTAINER,
 *                                            "{\"m2m:cnt\":{\"rn\":\"data\"}}", &request);
 *         if (result == 0) result = onem2m_ws_client_send(client, request, 0, &response);
 *         if (result == 0) {
 *             onem2m_ws_text content = onem2m_ws_response_content(response);
 *             printf("%d %.*s\n", (int)onem2m_ws_response_status(response), (int)content.len, content.data);
 *             result = onem2m_ws_client_close(client, 0);
 *         }
 *         if (result != 0) fprintf(stderr, "%s\n", onem2m_ws_last_error());
 *         onem2m_ws_response_free(response);
 *         onem2m_ws_request_free(request);
 *         onem2m_ws_client_free(client);
 *         onem2m_ws_client_config_free(config);
 *         return result == 0 ? 0 : 1;
 *     }
 *
 * Compile:  cc -std=c99 program.c -lonem2m_ws
 * Static:   cc -std=c99 program.c libonem2m_ws.a -lgcc_s -lutil -lrt -lpthread -lm -ldl -lc
 */


#ifndef ONEM2M_WS_H
#define ONEM2M_WS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Version of the header, as text; onem2m_ws_version() is that of the library.
#define ONEM2M_WS_VERSION "0.1.0"


// Version of the header: major. Changes with every incompatible change once it is 1.
#define ONEM2M_WS_VERSION_MAJOR 0

// Version of the header: minor.
#define ONEM2M_WS_VERSION_MINOR 1

// Version of the header: patch.
#define ONEM2M_WS_VERSION_PATCH 0

// Number of the binary interface, as in the file name libonem2m_ws.so.0: programs built against one number run with every
// library of that number that is at least as new.
#define ONEM2M_WS_ABI 0

// Result codes: 0 is success, everything negative an error. The blocks are fixed: -1 to -19 the caller, -20 to -39 time
// and flow, -40 to -59 network, -60 to -79 protocol, -80 to -99 oneM2M, -100 and below the library. Codes may be added;
// treat one that you do not know as an error of its block.
enum onem2m_ws_result
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    // Success.
    ONEM2M_WS_OK = 0,
    // An argument is NULL, not UTF-8, out of range or malformed.
    ONEM2M_WS_INVALID_ARGUMENT = -1,
    // The call does not fit the state of the object.
    ONEM2M_WS_INVALID_STATE = -2,
    // The client or registrar was closed.
    ONEM2M_WS_CLOSED = -3,
    // A request other than a registration before the registration succeeded.
    ONEM2M_WS_NOT_REGISTERED = -4,
    // The request was answered already, by the program or by its time-out.
    ONEM2M_WS_ALREADY_RESPONDED = -5,
    // The call would wait for itself.
    ONEM2M_WS_WOULD_DEADLOCK = -6,
    // The handle was made before a fork() and is used in the child process.
    ONEM2M_WS_FORKED = -7,
    // The request identifier is in use by a request that waits for its response.
    ONEM2M_WS_DUPLICATE_REQUEST_ID = -8,
    // No outcome in time. Whether a request was carried out is not known.
    ONEM2M_WS_TIMEOUT = -20,
    // A bounded queue is full; the request was not taken.
    ONEM2M_WS_QUEUE_FULL = -21,
    // There is no connection and none is to be opened.
    ONEM2M_WS_NOT_CONNECTED = -40,
    // The host name could not be resolved.
    ONEM2M_WS_UNKNOWN_HOST = -41,
    // Nobody listens at the address.
    ONEM2M_WS_CONNECTION_REFUSED = -42,
    // The connection was not open in time: the peer accepts and stays silent, or does not answer at all.
    ONEM2M_WS_OPEN_TIMEOUT = -43,
    // The connection broke while the request waited. Whether it was carried out is not known.
    ONEM2M_WS_CONNECTION_LOST = -44,
    // Another error of the network.
    ONEM2M_WS_NETWORK = -45,
    // The TLS handshake failed: the peer does not speak TLS, or there is no version or suite in common.
    ONEM2M_WS_TLS_FAILED = -46,
    // The server answered the opening handshake with another status than 101: onem2m_ws_last_error_http_status(),
    // onem2m_ws_last_error_http_header() and onem2m_ws_last_error_http_body() have its answer.
    ONEM2M_WS_HANDSHAKE_REFUSED = -60,
    // The peer does not speak WebSocket.
    ONEM2M_WS_NOT_WEBSOCKET = -61,
    // Client and server have no subprotocol, and so no serialization, in common.
    ONEM2M_WS_NO_COMMON_SUBPROTOCOL = -62,
    // The peer broke the rules of WebSocket.
    ONEM2M_WS_PROTOCOL_VIOLATION = -63,
    // A message is larger than a limit allows.
    ONEM2M_WS_MESSAGE_TOO_BIG = -64,
    // Text is not a primitive.
    ONEM2M_WS_DECODE = -65,
    // A primitive cannot be written.
    ONEM2M_WS_ENCODE = -66,
    // The proxy wants credentials, or does not accept those that it got; its answer is where a server's is.
    ONEM2M_WS_PROXY_AUTHENTICATION_REQUIRED = -67,
    // The proxy opened no tunnel to the server; its answer is where a server's is.
    ONEM2M_WS_PROXY_REFUSED = -68,
    // What listens at the proxy's address does not answer as an HTTP proxy does.
    ONEM2M_WS_NOT_PROXY = -69,
    // The registrar's certificate or key is not trusted; the text says why.
    ONEM2M_WS_PEER_NOT_TRUSTED = -70,
    // The registrar does not accept the certificate or key of this end, or wants one.
    ONEM2M_WS_CREDENTIAL_REFUSED = -71,
    // The registrar answered the registration with an error: onem2m_ws_last_error_response() is its answer.
    ONEM2M_WS_REGISTRATION_REFUSED = -80,
    // A defect of the library, or a resource of the process that could not be had.
    ONEM2M_WS_INTERNAL = -100,
    // A file of the library's cannot be opened, read or written, or is damaged; the text names it and says what to do.
    ONEM2M_WS_STORAGE = -101,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum onem2m_ws_result onem2m_ws_result;
#else
typedef int32_t onem2m_ws_result;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// How primitives are written on a connection. Programs read and write JSON whatever it is; see
// onem2m_ws_client_config_set_formats().
enum onem2m_ws_format
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    // JSON (TS-0004 8.4): what every registrar speaks.
    ONEM2M_WS_FORMAT_JSON = 1,
    // XML (TS-0004 8.3).
    ONEM2M_WS_FORMAT_XML = 2,
    // CBOR (TS-0004 8.5), which is binary.
    ONEM2M_WS_FORMAT_CBOR = 3,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum onem2m_ws_format onem2m_ws_format;
#else
typedef int32_t onem2m_ws_format;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// What a request asks for (`op`).
enum onem2m_ws_operation
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    // Create a resource below the target.
    ONEM2M_WS_CREATE = 1,
    // Retrieve the target, or discover what lies below it.
    ONEM2M_WS_RETRIEVE = 2,
    // Change attributes of the target.
    ONEM2M_WS_UPDATE = 3,
    // Delete the target and all below it.
    ONEM2M_WS_DELETE = 4,
    // Deliver information to the target.
    ONEM2M_WS_NOTIFY = 5,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum onem2m_ws_operation onem2m_ws_operation;
#else
typedef int32_t onem2m_ws_operation;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// The resource types that a program meets first (`ty`); every other number of the standard is fine as well.
enum onem2m_ws_resource_type
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    // No type: every operation but CREATE.
    ONEM2M_WS_NO_TYPE = 0,
    // `<accessControlPolicy>`.
    ONEM2M_WS_ACCESS_CONTROL_POLICY = 1,
    // `<AE>`.
    ONEM2M_WS_AE = 2,
    // `<container>`.
    ONEM2M_WS_CONTAINER = 3,
    // `<contentInstance>`.
    ONEM2M_WS_CONTENT_INSTANCE = 4,
    // `<group>`.
    ONEM2M_WS_GROUP = 9,
    // `<remoteCSE>`.
    ONEM2M_WS_REMOTE_CSE = 16,
    // `<subscription>`.
    ONEM2M_WS_SUBSCRIPTION = 23,
    // `<flexContainer>`.
    ONEM2M_WS_FLEX_CONTAINER = 28,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum onem2m_ws_resource_type onem2m_ws_resource_type;
#else
typedef int32_t onem2m_ws_resource_type;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// Where a client's connection stands.
enum onem2m_ws_connection_state
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    // There is none. It is opened by the next request, by onem2m_ws_client_connect(), or by itself if the client stays
    // connected.
    ONEM2M_WS_DISCONNECTED = 0,
    // One is being opened.
    ONEM2M_WS_CONNECTING = 1,
    // It is open; the entity is not registered yet.
    ONEM2M_WS_OPEN = 2,
    // The client was closed; nothing can be sent any more.
    ONEM2M_WS_CLIENT_CLOSED = 3,
    // It is open and the entity is registered: requests of any kind travel in both directions.
    ONEM2M_WS_REGISTERED = 4,
    // It is being closed; what is under way is waited for.
    ONEM2M_WS_CLOSING = 5,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum onem2m_ws_connection_state onem2m_ws_connection_state;
#else
typedef int32_t onem2m_ws_connection_state;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// Which requests of the peer's go to on_request.
enum onem2m_ws_accepts
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    // Every request: the default.
    ONEM2M_WS_ACCEPT_ALL = 0,
    // NOTIFY only; others are answered 4005.
    ONEM2M_WS_ACCEPT_NOTIFICATIONS = 1,
    // None; all are answered 4005.
    ONEM2M_WS_ACCEPT_NOTHING = 2,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum onem2m_ws_accepts onem2m_ws_accepts;
#else
typedef int32_t onem2m_ws_accepts;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// What happened. Kinds may be added: ignore one that you do not know.
enum onem2m_ws_event_kind
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    // The registrar confirmed that the registration is still in force, after a reopening or in a new run. `until_ms`.
    ONEM2M_WS_EVENT_REGISTRATION_CONFIRMED = 1,
    // The registration was renewed before it lapsed. `until_ms`.
    ONEM2M_WS_EVENT_REGISTRATION_RENEWED = 2,
    // The registrar had forgotten the entity, and it was registered again, as `entity`. Containers and subscriptions below its
    // resource are gone: make them again.
    ONEM2M_WS_EVENT_REGISTERED_AGAIN = 3,
    // The registration could not be checked, renewed or made again. `result`, `message`, and onem2m_ws_last_error_response() during
    // the call; it is tried again after a while.
    ONEM2M_WS_EVENT_REGISTRATION_FAILED = 4,
    // A request that was posted, `request_id`, has left the outbox: `response` is its response, whatever its status. NULL if there
    // is none, and `result` says why: ONEM2M_WS_QUEUE_FULL if it made room for a newer one, ONEM2M_WS_TIMEOUT if it expired,
    // ONEM2M_WS_CONNECTION_LOST if it may not be sent again, ONEM2M_WS_ENCODE, ONEM2M_WS_CLOSED.
    ONEM2M_WS_EVENT_DELIVERED = 5,
    // What is to be known in the next run could not be written to its file. `result`, `message`.
    ONEM2M_WS_EVENT_STORAGE_FAILED = 6,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum onem2m_ws_event_kind onem2m_ws_event_kind;
#else
typedef int32_t onem2m_ws_event_kind;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// Which requests are sent again, with the same `rqi`, when the connection broke before their response came. The registrar may
// have carried the first one out.
enum onem2m_ws_repeat
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    // None: their outcome is told to be unknown.
    ONEM2M_WS_REPEAT_NEVER = 0,
    // RETRIEVE, which changes nothing.
    ONEM2M_WS_REPEAT_RETRIEVE = 1,
    // RETRIEVE, UPDATE and DELETE: done twice, they leave what they leave when done once. Of a second DELETE the answer is 4004.
    ONEM2M_WS_REPEAT_IDEMPOTENT = 2,
    // All: a CREATE may make two resources, a NOTIFY may be heard twice.
    ONEM2M_WS_REPEAT_ALL = 3,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum onem2m_ws_repeat onem2m_ws_repeat;
#else
typedef int32_t onem2m_ws_repeat;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// What becomes of a request for which there is no room in the outbox.
enum onem2m_ws_when_full
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    // It is refused with ONEM2M_WS_QUEUE_FULL: the default.
    ONEM2M_WS_WHEN_FULL_REFUSE = 0,
    // The oldest ones make room for it; ONEM2M_WS_EVENT_DELIVERED tells of each.
    ONEM2M_WS_WHEN_FULL_DROP_OLDEST = 1,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum onem2m_ws_when_full onem2m_ws_when_full;
#else
typedef int32_t onem2m_ws_when_full;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// What becomes of a request outside of the times of the schedule.
enum onem2m_ws_outside_window
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    // It opens the connection, which is closed again when nothing is pending: the default.
    ONEM2M_WS_OUTSIDE_WINDOW_OPEN = 0,
    // It waits for the next time to be reachable, or until its own time is over.
    ONEM2M_WS_OUTSIDE_WINDOW_HOLD = 1,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum onem2m_ws_outside_window onem2m_ws_outside_window;
#else
typedef int32_t onem2m_ws_outside_window;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// How the result of a request comes to its originator: the values of `rt`.
enum onem2m_ws_mode
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    // In a `<request>` at the registrar, which the library looks at until it is there: after 0.1 s, then after twice the time, up
    // to every 5 s.
    ONEM2M_WS_NON_BLOCKING_SYNCH = 1,
    // In a NOTIFY of the registrar's, which the library takes itself: it does not come to on_request.
    ONEM2M_WS_NON_BLOCKING_ASYNCH = 2,
    // In the response, as with onem2m_ws_client_send().
    ONEM2M_WS_BLOCKING = 3,
    // In whichever of these ways the registrar decides for.
    ONEM2M_WS_FLEX_BLOCKING = 4,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum onem2m_ws_mode onem2m_ws_mode;
#else
typedef int32_t onem2m_ws_mode;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// What a newcomer meets that speaks for an entity whose connection is open.
enum onem2m_ws_take_over
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    // The old connection is asked for a sign of life (a ping). If it gives none in time, the newcomer takes its place; otherwise
    // the newcomer is closed with 1008. The default.
    ONEM2M_WS_TAKE_OVER_PROBE = 0,
    // The newcomer is closed with 1008. A registree that comes back before its dead connection was noticed (by keep-alive) has
    // to try again.
    ONEM2M_WS_TAKE_OVER_REFUSE = 1,
    // The newcomer takes the place at once, and the old connection is closed with 4001. Unsafe: anybody who can reach the
    // registrar takes any entity's notifications by naming it. For closed networks only.
    ONEM2M_WS_TAKE_OVER_NEWEST = 2,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum onem2m_ws_take_over onem2m_ws_take_over;
#else
typedef int32_t onem2m_ws_take_over;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// What happened. Kinds may be added: ignore one that you do not know.
enum onem2m_ws_registree_event_kind
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    // `entity` registered over a connection. ONEM2M_WS_REGISTREE_REACHABLE follows, unless another one of it is open.
    ONEM2M_WS_REGISTREE_REGISTERED = 1,
    // Its registration has ended. Nothing is routed to it any more.
    ONEM2M_WS_REGISTREE_DEREGISTERED = 2,
    // It was offline and is reached over `connection` now; what waits for it is sent.
    ONEM2M_WS_REGISTREE_REACHABLE = 3,
    // It is offline: `connection` ended, as `cause` says. Notifications for it wait until it comes back.
    ONEM2M_WS_REGISTREE_UNREACHABLE = 4,
    // It is reached over another connection than before, `connection`, without a time between them in which it was offline.
    ONEM2M_WS_REGISTREE_TAKEN_OVER = 5,
    // A newcomer, `connection` from `peer`, spoke for an entity whose connection lives, and was closed for it.
    ONEM2M_WS_REGISTREE_NEWCOMER_REFUSED = 6,
    // It was taken over `count` times, so often that two programs seem to have its credential. Nobody is banned for it.
    ONEM2M_WS_REGISTREE_FLAPPING = 7,
    // Somebody at `peer` spoke for an entity that belongs to another credential, and was refused.
    ONEM2M_WS_REGISTREE_SECURITY_ALERT = 8,
    // The request `request_id` that was accepted for the entity expired before the entity came to take it.
    ONEM2M_WS_REGISTREE_REQUEST_EXPIRED = 9,
    // The request `request_id` that was accepted for the entity will not be sent any more: it was not answered in several tries,
    // or cannot be written.
    ONEM2M_WS_REGISTREE_REQUEST_GIVEN_UP = 10,
    // `count` events were not kept, since callbacks were too slow.
    ONEM2M_WS_REGISTREE_EVENTS_MISSED = 11,
    // Somebody at `peer` got no connection because TLS failed, as `cause` says: their credential is not one that is taken here, or
    // they do not speak it. At most 16 in a second are told; onem2m_ws_registrar_refusal_counters() counts all.
    ONEM2M_WS_REGISTREE_TLS_REFUSED = 12,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum onem2m_ws_registree_event_kind onem2m_ws_registree_event_kind;
#else
typedef int32_t onem2m_ws_registree_event_kind;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// A version of TLS. Older ones than these are not spoken.
enum onem2m_ws_tls_version
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    // TLS 1.2, the version that TS-0003 names.
    ONEM2M_WS_TLS_1_2 = 12,
    // TLS 1.3.
    ONEM2M_WS_TLS_1_3 = 13,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum onem2m_ws_tls_version onem2m_ws_tls_version;
#else
typedef int32_t onem2m_ws_tls_version;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// What becomes of a client whose certificate is trusted, but names no entity, and has none by onem2m_ws_tls_add_peer().
enum onem2m_ws_unnamed
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    // It gets no connection: the default.
    ONEM2M_WS_UNNAMED_REFUSE = 0,
    // It speaks for what it registers: each entity belongs to the first certificate's key over whose connection it is registered,
    // until it is deregistered.
    ONEM2M_WS_UNNAMED_FIRST_COME = 1,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum onem2m_ws_unnamed onem2m_ws_unnamed;
#else
typedef int32_t onem2m_ws_unnamed;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// What TLS is done by.
enum onem2m_ws_tls_library
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    // rustls, which is always there: certificates and raw public keys. The default.
    ONEM2M_WS_RUSTLS = 0,
    // The OpenSSL 3 of the system, in a library that was built for it (cargo's feature `openssl`): certificates and pre-shared keys,
    // all suites of TS-0003, and certificates whose authority has name constraints for URIs.
    ONEM2M_WS_OPENSSL = 1,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum onem2m_ws_tls_library onem2m_ws_tls_library;
#else
typedef int32_t onem2m_ws_tls_library;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// Bytes that the library has made.
typedef struct onem2m_ws_buffer onem2m_ws_buffer;

// A client: a registree (an AE, or a CSE towards its registrar) with at most one connection to its registrar.
typedef struct onem2m_ws_client onem2m_ws_client;

// Settings of a client. Every setting has a default; only the point of access is needed, and for most registrars the
// originator. They are copied when a client is made: one config may serve for many.
typedef struct onem2m_ws_client_config onem2m_ws_client_config;

// What was in the outbox of a client at one moment, in its order.
typedef struct onem2m_ws_outbox onem2m_ws_outbox;

// Who is at the other end of a connection, by the credential that was accepted. It has no secrets, and stays as it is when the
// connection ends.
typedef struct onem2m_ws_peer_identity onem2m_ws_peer_identity;

// A registrar that runs in this process: CSEBase, AE, container, contentInstance, subscription, remoteCSE. For development
// and tests; it is no product CSE. It keeps everything in memory, unless it has a store.
typedef struct onem2m_ws_registrar onem2m_ws_registrar;

// Settings of a registrar. Every setting has a default.
typedef struct onem2m_ws_registrar_config onem2m_ws_registrar_config;

// A request primitive.
typedef struct onem2m_ws_request onem2m_ws_request;

// A response primitive.
typedef struct onem2m_ws_response onem2m_ws_response;

// Settings of TLS, for clients and for registrars: who this end is, and whom it trusts. By default it has no certificate and
// trusts nobody, speaks TLS 1.3 and 1.2, and a registrar takes no client that does not show who it is (mutual authentication,
// TS-0020 7). They are copied where they are set: one may serve for many.
//
// PEM is given as the name of a file, or itself: a text that has a line "-----BEGIN ..." is PEM, any other one the name of
// a file. The functions whose name ends with _pem take bytes in memory, with or without a zero byte at the end; they are copied, so
// that the program can erase its own. What the library has of them it erases when it is not needed any more, and no error shows
// any of it. Files are read when a client is made or a registrar is started, and again by onem2m_ws_client_reload_tls() and
// onem2m_ws_registrar_reload_tls(); what is wrong with one is told then.
typedef struct onem2m_ws_tls onem2m_ws_tls;

// Text inside a handle: UTF-8, not ended by a zero byte. It belongs to the handle and stays valid until the handle is
// changed or freed. `data` is NULL if there is no such text. To print it: printf("%.*s", (int)text.len, text.data).
typedef struct onem2m_ws_text {
    // The first byte, or NULL.
    const char *data;
    // How many bytes.
    size_t len;
} onem2m_ws_text;

// A change of a client's connection. Later versions may add members at the end.
typedef struct onem2m_ws_state {
    // One of onem2m_ws_connection_state.
    int32_t state;
    // Why a connection was lost or could not be opened: one of onem2m_ws_result; 0 if there is no cause.
    int32_t cause;
    // Which attempt to open it this is, or how many failed in a row.
    uint32_t attempt;
    // Milliseconds until the next attempt; -1 if there is none to come.
    int64_t next_attempt_ms;
    // The text of the cause. Valid until the callback returns.
    struct onem2m_ws_text message;
} onem2m_ws_state;

// Something that happened to a client. Later versions may add members at the end. Everything is valid until the callback
// returns.
typedef struct onem2m_ws_event {
    // One of onem2m_ws_event_kind.
    int32_t kind;
    // What went wrong: one of onem2m_ws_result; 0 if nothing did. If it is an error, onem2m_ws_last_error() and those after it
    // tell the rest during the call.
    int32_t result;
    // When the registration lapses if it is not renewed, in milliseconds since 1970 (UTC); -1 if it is not known.
    int64_t until_ms;
    // The entity that is registered, with ONEM2M_WS_EVENT_REGISTERED_AGAIN.
    struct onem2m_ws_text entity;
    // The `rqi` of the request that was posted, with ONEM2M_WS_EVENT_DELIVERED.
    struct onem2m_ws_text request_id;
    // The text of what went wrong.
    struct onem2m_ws_text message;
    // The response to what was posted; not to be freed.
    const struct onem2m_ws_response *response;
} onem2m_ws_event;

// The functions of the program that a client calls. Set `struct_size` to sizeof(onem2m_ws_callbacks) and what is not needed
// to NULL; the struct itself is copied.
typedef struct onem2m_ws_callbacks {
    // sizeof(onem2m_ws_callbacks): a later library knows by this which members a program has.
    size_t struct_size;
    // Given to each function below.
    void *user_data;
    // Called once, as the last of all calls with `user_data`, when the client has ended; not if it could not be made.
    void (*drop)(void *user_data);
    // Called with each request of the peer's. The request belongs to the program: it answers it now or later, on any
    // thread, and frees it. NULL: every request is answered 4005.
    void (*on_request)(void *user_data, struct onem2m_ws_request *request);
    // Called when the connection changes. `state` is lent for the time of the call.
    void (*on_state)(void *user_data, const struct onem2m_ws_state *state);
    // Called when something else happens that the program may want to know: what became of the registration, and of what
    // was posted. `event` is lent for the time of the call.
    void (*on_event)(void *user_data, const struct onem2m_ws_event *event);
} onem2m_ws_callbacks;

// Called once with the outcome of an asynchronous call: `result` is one of onem2m_ws_result; `response` is the answer, lent
// for the time of the call, for calls that have one, and else NULL. If `result` is an error, onem2m_ws_last_error() has its
// text during the call.
typedef void (*onem2m_ws_completion)(void *user_data, int32_t result, const struct onem2m_ws_response *response);

// Called at most once, before the completion, when the registrar has accepted a request of onem2m_ws_client_send_in_async() for
// later: `response` is its acknowledgement (1001 or 1002), lent for the time of the call. A registrar that answers at once does
// not acknowledge.
typedef void (*onem2m_ws_acknowledged)(void *user_data, const struct onem2m_ws_response *response);

// Called once with the outcome of onem2m_ws_client_post_async(): `result` is one of onem2m_ws_result; `request_id` is the `rqi`
// under which the request was accepted, lent for the time of the call. If `result` is an error, onem2m_ws_last_error() has its
// text during the call.
typedef void (*onem2m_ws_posted)(void *user_data, int32_t result, struct onem2m_ws_text request_id);

// A request in an outbox. Set `struct_size` to sizeof(onem2m_ws_outbox_entry) before the call.
typedef struct onem2m_ws_outbox_entry {
    // sizeof(onem2m_ws_outbox_entry): only as much is written.
    size_t struct_size;
    // Its `rqi`, the same at every attempt.
    struct onem2m_ws_text request_id;
    // Whom it is for.
    struct onem2m_ws_text to;
    // What it asks for: one of onem2m_ws_operation.
    int32_t operation;
    // How often it was sent so far.
    uint32_t attempts;
    // When it stops being of use, in milliseconds since 1970 (UTC).
    int64_t expires_ms;
} onem2m_ws_outbox_entry;

// What a client has counted. Set `struct_size` to sizeof(onem2m_ws_counters) before the call.
typedef struct onem2m_ws_counters {
    // sizeof(onem2m_ws_counters): only as much is written.
    size_t struct_size;
    // Connections that were open.
    uint64_t connections;
    // Requests written to a connection.
    uint64_t requests_sent;
    // Responses that found their request.
    uint64_t responses_received;
    // Requests read from a connection, also those that were refused.
    uint64_t requests_received;
    // Responses written to a connection.
    uint64_t responses_sent;
    // Responses that nobody waited for.
    uint64_t unmatched;
    // Requests that ran out of time.
    uint64_t timeouts;
    // Requests of the peer's that the program did not answer in time.
    uint64_t unanswered;
    // Messages that were no primitive.
    uint64_t malformed;
    // Deviations from the standard that were tolerated.
    uint64_t deviations;
    // Requests that expired before they could be sent, and requests of the peer's that had expired when they came.
    uint64_t expired;
    // Requests that were under way when their connection broke, and were sent again.
    uint64_t repeated;
} onem2m_ws_counters;

// Something that happened to a registree. Members that a kind does not name are empty or 0. Later versions may add members at
// the end. Everything is valid until the callback returns.
typedef struct onem2m_ws_registree_event {
    // One of onem2m_ws_registree_event_kind.
    int32_t kind;
    // The entity, by the shortest form of its identifier: "Ca" for "/id-in/Ca".
    struct onem2m_ws_text entity;
    // The number of a connection; none is used twice in a process.
    uint64_t connection;
    // How many.
    uint64_t count;
    // Why, in one line that is safe to log.
    struct onem2m_ws_text cause;
    // The address of the other end, "192.0.2.1:40000".
    struct onem2m_ws_text peer;
    // Who is authenticated there.
    struct onem2m_ws_text principal;
    // A request identifier (`rqi`).
    struct onem2m_ws_text request_id;
    // Who is authenticated on `connection`, if the kind is REACHABLE or TAKEN_OVER; else NULL. Not to be freed.
    const struct onem2m_ws_peer_identity *identity;
} onem2m_ws_registree_event;

// How an MN-CSE stands with its registrar. Later versions may add members at the end.
typedef struct onem2m_ws_upstream_state {
    // There is a connection, and the registration is known to be in force.
    bool is_registered;
    // Why it is not, as far as that is known: one of onem2m_ws_result; 0 if there is no cause.
    int32_t cause;
    // How often this registrar has registered there: more than once if that one has forgotten it.
    uint64_t registrations;
    // The text of the cause. Valid until the callback returns.
    struct onem2m_ws_text message;
} onem2m_ws_upstream_state;

// The functions of the program that a registrar calls. Set `struct_size` to sizeof(onem2m_ws_registrar_callbacks) and what is
// not needed to NULL; the struct itself is copied. What holds for the callbacks of a client holds for them.
typedef struct onem2m_ws_registrar_callbacks {
    // sizeof(onem2m_ws_registrar_callbacks): a later library knows by this which members a program has.
    size_t struct_size;
    // Given to each function below.
    void *user_data;
    // Called once, as the last of all calls with `user_data`, when the registrar has ended; not if it could not be started.
    void (*drop)(void *user_data);
    // Called when a registree registers, comes, goes, is taken over, and so on. `event` is lent for the time of the call.
    void (*on_event)(void *user_data, const struct onem2m_ws_registree_event *event);
    // Called with how it stands with its own registrar, if it has one: at the beginning, and after each change; changes in quick
    // succession may be told as one. `state` is lent for the time of the call.
    void (*on_upstream)(void *user_data, const struct onem2m_ws_upstream_state *state);
} onem2m_ws_registrar_callbacks;

// What became of the notifications that a registrar stored for its registrees. Set `struct_size` to
// sizeof(onem2m_ws_delivery_counters) before the call.
typedef struct onem2m_ws_delivery_counters {
    // sizeof(onem2m_ws_delivery_counters): only as much is written.
    size_t struct_size;
    // Stored.
    uint64_t accepted;
    // Answered by their registrees.
    uint64_t delivered;
    // Sent once more, since no answer came.
    uint64_t repeated;
    // Dropped because their time was over.
    uint64_t expired;
    // Dropped because three times no answer came, or because they cannot be written in the registree's format.
    uint64_t given_up;
    // Replaced by later ones of the same subscription.
    uint64_t replaced;
    // Not taken, because the store was full.
    uint64_t refused;
} onem2m_ws_delivery_counters;

// How often connections met others of the same entity. Set `struct_size` to sizeof(onem2m_ws_take_over_counters) before the
// call.
typedef struct onem2m_ws_take_over_counters {
    // sizeof(onem2m_ws_take_over_counters): only as much is written.
    size_t struct_size;
    // Entities that changed from one connection to another.
    uint64_t taken_over;
    // Newcomers that were refused because a connection lives.
    uint64_t refused;
    // Times that somebody spoke for what belongs to another credential.
    uint64_t alerts;
    // Times that take-overs were too many.
    uint64_t flapping;
} onem2m_ws_take_over_counters;

// How many peers got no connection. Set `struct_size` to sizeof(onem2m_ws_refusal_counters) before the call.
typedef struct onem2m_ws_refusal_counters {
    // sizeof(onem2m_ws_refusal_counters): only as much is written.
    size_t struct_size;
    // Their opening handshake was refused, was too slow, or was never finished.
    uint64_t handshake;
    // Their TLS handshake failed: mostly their credential is not one that is taken.
    uint64_t tls;
    // Too many others were being opened, in total or from their address.
    uint64_t half_open;
    // Every place was taken.
    uint64_t connections;
} onem2m_ws_refusal_counters;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// The version of the library that runs, "0.1.0". Never NULL; valid for ever.
const char *onem2m_ws_version(void);

// The text of the last error on this thread: what was wrong, where, and what to do; "" if there was none. Never NULL. Calls
// that succeed leave it as it is. Valid until the next error on this thread.
const char *onem2m_ws_last_error(void);

// The HTTP status of the answer that came instead of a connection, if the last error on this thread was
// ONEM2M_WS_HANDSHAKE_REFUSED (the server's), ONEM2M_WS_PROXY_REFUSED or ONEM2M_WS_PROXY_AUTHENTICATION_REQUIRED (the
// proxy's); else 0.
int32_t onem2m_ws_last_error_http_status(void);

// The first header field of that answer with this name, in any case; its data is NULL if there is none. Valid until the
// next error on this thread.
struct onem2m_ws_text onem2m_ws_last_error_http_header(const char *name);

// The body of that answer, as it came: any bytes, at most as many as a handshake may have. Valid until the next error on
// this thread.
struct onem2m_ws_text onem2m_ws_last_error_http_body(void);

// The registrar's answer, if ONEM2M_WS_REGISTRATION_REFUSED was the last error on this thread; else NULL. Not to be freed;
// valid until the next error on this thread.
const struct onem2m_ws_response *onem2m_ws_last_error_response(void);

// True if the last error on this thread leaves it open whether the request was carried out: it was sent, and no response came.
// Sending it again may do it twice. Always true after the time-out of a blocking call. False: it was not carried out, or the error
// is not about a request.
bool onem2m_ws_last_error_outcome_unknown(void);

// The name of a result code, "ONEM2M_WS_TIMEOUT"; "unknown" for one that this version does not have. Valid for ever.
const char *onem2m_ws_result_name(int32_t code);

// Reads one whole primitive, `length` bytes of the format `from`, and writes it in the format `to` (both of
// onem2m_ws_format), or in the correct form of the same one. `*out` is to be freed with onem2m_ws_buffer_free(). Needs no
// client; may be called on any thread.
//
// Errors: ONEM2M_WS_DECODE if the bytes are not a primitive; ONEM2M_WS_ENCODE if it has something that the other format
// cannot carry, since nothing is changed to fit. The text names the place and the reason.
int32_t onem2m_ws_primitive_convert(const void *data,
                                    size_t length,
                                    int32_t from,
                                    int32_t to,
                                    struct onem2m_ws_buffer **out);

// What the buffer holds: text for JSON and XML, any bytes for CBOR. Valid until the buffer is freed.
struct onem2m_ws_text onem2m_ws_buffer_view(const struct onem2m_ws_buffer *buffer);

// Frees a buffer; NULL is fine.
void onem2m_ws_buffer_free(struct onem2m_ws_buffer *buffer);

// Makes `prefix` ("acme") stand for the namespace `uri` in XML, in this whole process: JSON and CBOR know prefixes only.
// Those of oneM2M and its domains are known already. Cannot be undone; the same again does nothing. May be called at any
// time, on any thread; best before the first client.
//
// Errors: ONEM2M_WS_INVALID_ARGUMENT if one of them is malformed or belongs to another already, or if there are too many.
int32_t onem2m_ws_register_namespace(const char *prefix,
                                     const char *uri);

// Describes a flexContainer of your own, in this whole process: XML cannot tell a number from a text otherwise. `root` is
// the name of its member ("acme:thermo"), whose prefix must be known; `names` are its custom attributes in the order in
// which they stand in XML, `types` their types, and `count` how many there are. A type is "string", "integer", "number",
// "boolean", "timestamp", "uri", "string_list", "integer_list", "number_list", "boolean_list" or "any". The attributes that
// every flexContainer has are known. Cannot be undone; the same again does nothing. May be called at any time, on any
// thread; best before the first client.
//
// Errors: ONEM2M_WS_INVALID_ARGUMENT if a name or type is malformed, the prefix unknown, the root or an attribute part of
// the standard, the root described differently already, or if there are too many.
int32_t onem2m_ws_register_flex_container(const char *root,
                                          const char *const *names,
                                          const char *const *types,
                                          size_t count);

// Makes a request: an operation, the target, the type of the resource to create (ONEM2M_WS_NO_TYPE for other operations)
// and content (a JSON object, or NULL). The client fills in the originator, the identifier and the release version. Free it
// with onem2m_ws_request_free().
int32_t onem2m_ws_request_new(int32_t operation,
                              const char *to,
                              int32_t resource_type,
                              const char *content_json,
                              struct onem2m_ws_request **out);

// Makes a request from a whole primitive in JSON, `{"op":2,"to":"cse-in",...}`; `rqi` may be missing.
int32_t onem2m_ws_request_from_json(const char *json, struct onem2m_ws_request **out);

// Frees a request; NULL is fine. A request of the peer's that was not answered is answered 5000 by this.
void onem2m_ws_request_free(struct onem2m_ws_request *request);

// Sets the originator (`fr`) instead of the client's; NULL leaves it to the client again.
int32_t onem2m_ws_request_set_from(struct onem2m_ws_request *request, const char *originator);

// Sets the request identifier (`rqi`); NULL leaves it to the client again, which makes identifiers that never occur twice.
int32_t onem2m_ws_request_set_id(struct onem2m_ws_request *request,
                                 const char *id);

// Sets when the request stops being of use (`rqet`), in milliseconds from now; 0 for no such time. The client stops waiting
// then.
int32_t onem2m_ws_request_set_expiration_ms(struct onem2m_ws_request *request,
                                            uint32_t milliseconds);

// Sets the parameter with this short name to a JSON value: "rcn" to "0", "fc" to `{"fu":1,"ty":[3]}`, "vsi" to "\"text\"";
// "null" removes it.
int32_t onem2m_ws_request_set(struct onem2m_ws_request *request,
                              const char *short_name,
                              const char *json);

// What it asks for: one of onem2m_ws_operation. Negative if `request` is NULL.
int32_t onem2m_ws_request_operation(const struct onem2m_ws_request *request);

// The type of the resource to create (`ty`), or 0. Negative if `request` is NULL.
int32_t onem2m_ws_request_resource_type(const struct onem2m_ws_request *request);

// The target (`to`).
struct onem2m_ws_text onem2m_ws_request_to(const struct onem2m_ws_request *request);

// The originator (`fr`), if there is one.
struct onem2m_ws_text onem2m_ws_request_from(const struct onem2m_ws_request *request);

// The request identifier (`rqi`), if there is one.
struct onem2m_ws_text onem2m_ws_request_id(const struct onem2m_ws_request *request);

// The content (`pc`) as JSON text: as it came, or converted from the format of the connection. No text also if it cannot be
// converted; onem2m_ws_request_content_as() tells that apart.
struct onem2m_ws_text onem2m_ws_request_content(const struct onem2m_ws_request *request);

// The content (`pc`) in one of onem2m_ws_format: as it came, or converted. XML is the element that stands inside of `pc`.
// Its data is NULL if there is no content; CBOR may be any bytes.
//
// Errors: ONEM2M_WS_DECODE if the content cannot be read; ONEM2M_WS_ENCODE if it has something that the format cannot carry.
int32_t onem2m_ws_request_content_as(const struct onem2m_ws_request *request,
                                     int32_t format,
                                     struct onem2m_ws_text *content);

// Any parameter by its short name, as JSON text (a text has its quotes): "rt", "fc", also one that the standard does not
// have.
struct onem2m_ws_text onem2m_ws_request_parameter(const struct onem2m_ws_request *request,
                                                  const char *short_name);

// The whole primitive as JSON text; without `rqi` as long as it has none.
struct onem2m_ws_text onem2m_ws_request_to_json(const struct onem2m_ws_request *request);

// Answers a request of the peer's, exactly once, on any thread: a status (2000 for OK) and content (a JSON object, or
// NULL). The request is still to be freed.
//
// Errors: ONEM2M_WS_ALREADY_RESPONDED, also if the answer time-out was faster; ONEM2M_WS_CONNECTION_LOST if the connection
// that it came from is gone; ONEM2M_WS_INVALID_STATE if it did not come from the peer.
// After ONEM2M_WS_INVALID_ARGUMENT it can still be answered.
int32_t onem2m_ws_request_respond(const struct onem2m_ws_request *request,
                                  int32_t status,
                                  const char *content_json);

// As onem2m_ws_request_respond(), with a response that may have any parameter; its `rqi` is filled in. The response is still
// to be freed.
int32_t onem2m_ws_request_respond_with(const struct onem2m_ws_request *request,
                                       const struct onem2m_ws_response *response);

// Makes a response: a status (2000 for OK) and content (a JSON object, or NULL). Free it with onem2m_ws_response_free().
int32_t onem2m_ws_response_new(int32_t status,
                               const char *content_json,
                               struct onem2m_ws_response **out);

// Makes a response from a whole primitive in JSON, `{"rsc":2000,...}`; `rqi` may be missing.
int32_t onem2m_ws_response_from_json(const char *json, struct onem2m_ws_response **out);

// Makes another response with the same parameters, to keep one that was only lent.
int32_t onem2m_ws_response_clone(const struct onem2m_ws_response *response, struct onem2m_ws_response **out);

// Frees a response; NULL is fine.
void onem2m_ws_response_free(struct onem2m_ws_response *response);

// Sets the parameter with this short name to a JSON value ("\"Cae1\"" for a text); "null" removes it.
int32_t onem2m_ws_response_set(struct onem2m_ws_response *response, const char *short_name, const char *json);

// The response status code: 2000 for OK, 4004 for NOT_FOUND. Negative if `response` is NULL.
int32_t onem2m_ws_response_status(const struct onem2m_ws_response *response);

// True if the status is 2xxx: the request was carried out.
bool onem2m_ws_response_is_success(const struct onem2m_ws_response *response);

// The content (`pc`) as JSON text: as it came, or converted from the format of the connection. No text also if it cannot be
// converted; onem2m_ws_response_content_as() tells that apart.
struct onem2m_ws_text onem2m_ws_response_content(const struct onem2m_ws_response *response);

// The content (`pc`) in one of onem2m_ws_format: as it came, or converted. XML is the element that stands inside of `pc`.
// Its data is NULL if there is no content; CBOR may be any bytes.
//
// Errors: ONEM2M_WS_DECODE if the content cannot be read; ONEM2M_WS_ENCODE if it has something that the format cannot carry.
int32_t onem2m_ws_response_content_as(const struct onem2m_ws_response *response,
                                      int32_t format,
                                      struct onem2m_ws_text *content);

// The request identifier (`rqi`) of the request that this answers.
struct onem2m_ws_text onem2m_ws_response_request_id(const struct onem2m_ws_response *response);

// Who answers (`fr`), if it says so.
struct onem2m_ws_text onem2m_ws_response_from(const struct onem2m_ws_response *response);

// Whom it answers (`to`), if it says so.
struct onem2m_ws_text onem2m_ws_response_to(const struct onem2m_ws_response *response);

// Any parameter by its short name, as JSON text (a text has its quotes): "rset", "cnst", also one that the standard does
// not have.
struct onem2m_ws_text onem2m_ws_response_parameter(const struct onem2m_ws_response *response,
                                                   const char *short_name);

// The whole primitive as JSON text.
struct onem2m_ws_text onem2m_ws_response_to_json(const struct onem2m_ws_response *response);

// Settings of a client of the registrar at `point_of_access`: "ws://host[:port]", or "wss://host[:port]" with
// onem2m_ws_client_config_set_tls(). Free them with onem2m_ws_client_config_free().
int32_t onem2m_ws_client_config_new(const char *point_of_access, struct onem2m_ws_client_config **out);

// Frees settings; NULL is fine.
void onem2m_ws_client_config_free(struct onem2m_ws_client_config *config);

// Sets everything that a JSON object names, `{"originator":"Csensor1","request_timeout_ms":5000}`; null sets the default.
// An unknown name or a wrong value is an error and changes nothing. The names are those of the setters, and:
// `formats` (a list of "json", "xml" and "cbor", in order of preference), `headers` (an object), `subprotocols` (a list of names
// to offer), `allow_missing_subprotocol`, `origin_header` (send
// X-M2M-Origin, on by default), `queued_requests`, `queued_bytes`, `reopening_first_delay_ms`, `reopening_largest_delay_ms`,
// `reopening_stable_after_ms`, `outbox_requests`, `outbox_bytes`; `repeat` and `outbox_repeat` are "never", "retrieve",
// "idempotent" or "all", `outbox_when_full` is "refuse" or "drop_oldest", `outside_window` "open" or "hold", `schedule` one entry or
// a list; `accepts` is "all", "notifications" or "nothing"; `proxy_user`, `proxy_password`;
// `basic_user` and `basic_password`, or `bearer`;
// `write_timeout_ms` (a peer that takes no byte for so long is given up: 30 000), `close_timeout_ms` (the longest wait for
// each step of the closing handshake: 5000), `max_fragments` (of one message: 4096), `max_control_frames` (in a second: 256),
// `max_handshake_bytes` (of the head of an answer to the opening handshake, or of a proxy's: 16 384; 256 to 1 048 576),
// `max_handshake_fields` (64; 8 to 1024), `message_gap_ms` (time between two messages of which the first is not known to have
// been read: 0, or 50 with the ACME preset). `tls` is an object as onem2m_ws_tls_load_json() takes it. `compression` is true,
// false, or an object with any of `send_takeover`, `receive_takeover` (whether messages refer to those before, which costs
// memory: false), `send_window_bits`, `receive_window_bits` (8 to 15: 15), `level` (1 to 9: 6), `min_size` (smaller messages
// are sent as they are: 128).
// A limit is at least 1; a time is more than 0 and at most a year.
int32_t onem2m_ws_client_config_load_json(struct onem2m_ws_client_config *config,
                                          const char *json);

// What a known registrar asks for: "default", or "acme" (one request at a time, a gap between messages, release
// version 4). Other settings hold against it, in whatever order they are made.
int32_t onem2m_ws_client_config_set_preset(struct onem2m_ws_client_config *config, const char *name);

// The originator of all requests that name none: the AE-ID ("Cname", "Sname") or CSE-ID ("/id"). With "C", "S" or NULL (the
// default) the registrar assigns an AE-ID at registration.
int32_t onem2m_ws_client_config_set_originator(struct onem2m_ws_client_config *config,
                                               const char *originator);

// Says that the originator is registered already, or needs no registration. Off by default: requests other than a
// registration are refused until that succeeded.
int32_t onem2m_ws_client_config_set_registered(struct onem2m_ws_client_config *config, bool yes);

// Opens a lost connection again at once, so that notifications arrive. On by default; without it the next request opens it.
int32_t onem2m_ws_client_config_set_stay_connected(struct onem2m_ws_client_config *config,
                                                   bool yes);

// No dispatcher thread: callbacks are called only by onem2m_ws_client_dispatch(). Off by default.
int32_t onem2m_ws_client_config_set_poll_mode(struct onem2m_ws_client_config *config, bool yes);

// Longest time for opening a connection (name, TCP, proxy, handshake): 10 000 ms.
int32_t onem2m_ws_client_config_set_open_timeout_ms(struct onem2m_ws_client_config *config, uint32_t milliseconds);

// Longest wait for a response: 30 000 ms. A request's own expiration counts where it is sooner.
int32_t onem2m_ws_client_config_set_request_timeout_ms(struct onem2m_ws_client_config *config, uint32_t milliseconds);

// Longest time that the program may take to answer a request of the peer's: 30 000 ms, then the peer gets 5000.
int32_t onem2m_ws_client_config_set_answer_timeout_ms(struct onem2m_ws_client_config *config, uint32_t milliseconds);

// Sends a ping after so much time without a received byte: 20 000 ms; 0 for never.
int32_t onem2m_ws_client_config_set_ping_after_ms(struct onem2m_ws_client_config *config, uint32_t milliseconds);

// Gives a connection up that brought no byte for so long after a ping: 10 000 ms.
int32_t onem2m_ws_client_config_set_pong_timeout_ms(struct onem2m_ws_client_config *config, uint32_t milliseconds);

// Closes a connection over which no request or response has travelled for so long, to save power: 0, the default, for
// never. The registration stays in force and the next request opens it again; meanwhile no notification arrives.
int32_t onem2m_ws_client_config_set_idle_close_ms(struct onem2m_ws_client_config *config, uint32_t milliseconds);

// Connects through this HTTP proxy, by CONNECT: "http://[user:password@]host[:port]", user name and password
// percent-encoded, port 80 if there is none. NULL, the default, for no proxy. It holds over one of the environment. The proxy
// resolves the registrar's name. Credentials go to the proxy only, and no error or log shows them.
int32_t onem2m_ws_client_config_set_proxy(struct onem2m_ws_client_config *config,
                                          const char *url);

// Connects through the proxy that the environment names when the client is made: http_proxy or HTTP_PROXY (which does not
// count where REQUEST_METHOD is set) for ws, https_proxy or HTTPS_PROXY for wss, else all_proxy or ALL_PROXY; not to what
// no_proxy or NO_PROXY lists (names with all below them, addresses, blocks as 10.0.0.0/8, each with a port or without, or *),
// and never to loopback. Off by default.
int32_t onem2m_ws_client_config_set_proxy_from_environment(struct onem2m_ws_client_config *config,
                                                           bool yes);

// Who we are towards the proxy, by Basic authentication; they hold over those of its URL. NULL for both, the default, for
// nobody.
int32_t onem2m_ws_client_config_set_proxy_credentials(struct onem2m_ws_client_config *config,
                                                      const char *user,
                                                      const char *password);

// Who we are towards the registrar, by user name and password (Basic, RFC 7617) in the opening handshake, instead of a
// token. They go to the registrar only, and no error or log shows them; without TLS they can be read on the way. ACME
// takes them with its enableBasicAuth. NULL for both, the default, for nobody.
//
// Errors: ONEM2M_WS_INVALID_ARGUMENT if the user name has a colon, or either a control character.
int32_t onem2m_ws_client_config_set_basic(struct onem2m_ws_client_config *config,
                                          const char *user,
                                          const char *password);

// Who we are towards the registrar, by a token (Bearer, RFC 6750), as onem2m_ws_client_config_set_basic() and instead
// of that. It is of letters, digits and -._~+/, with = at its end only. NULL, the default, for nobody.
//
// Errors: ONEM2M_WS_INVALID_ARGUMENT if it has another character.
int32_t onem2m_ws_client_config_set_bearer(struct onem2m_ws_client_config *config, const char *token);

// Offers these formats, `count` of onem2m_ws_format in order of preference; the registrar chooses one for each connection, see
// onem2m_ws_client_format(). JSON alone by default, which `count` 0 sets again.
int32_t onem2m_ws_client_config_set_formats(struct onem2m_ws_client_config *config,
                                            const int32_t *formats,
                                            size_t count);

// Offers permessage-deflate (RFC 7692) with the library's defaults, which onem2m_ws_client_config_load_json() can change.
// Off by default. Where the registrar declines, messages go uncompressed.
int32_t onem2m_ws_client_config_set_compression(struct onem2m_ws_client_config *config,
                                                bool yes);

// Requests on the wire without a response: 1 to 65 535, 64 by default.
int32_t onem2m_ws_client_config_set_window(struct onem2m_ws_client_config *config, uint32_t requests);

// Bounds of the queue for requests that wait for a connection or a place in the window: 1024 requests and 8 MiB. One that
// does not fit is refused with ONEM2M_WS_QUEUE_FULL.
int32_t onem2m_ws_client_config_set_queue(struct onem2m_ws_client_config *config,
                                          uint32_t requests,
                                          size_t bytes);

// Largest message taken: 1 MiB. A larger one closes the connection.
int32_t onem2m_ws_client_config_set_max_message_size(struct onem2m_ws_client_config *config, size_t bytes);

// Largest payload of one frame that is sent: 32 KiB, since some peers refuse larger ones; 0 for messages that are always one
// frame, for peers that cannot put fragments together.
int32_t onem2m_ws_client_config_set_fragment_size(struct onem2m_ws_client_config *config,
                                                  size_t bytes);

// Requests of the peer's that may wait for on_request to be called: 256. One more is answered 5207 at once.
int32_t onem2m_ws_client_config_set_waiting_requests(struct onem2m_ws_client_config *config, uint32_t requests);

// Which requests of the peer's go to on_request: one of onem2m_ws_accepts.
int32_t onem2m_ws_client_config_set_accepts(struct onem2m_ws_client_config *config, int32_t accepts);

// The release version indicator of all requests that have none: "3" by default; NULL for none (Release 1).
int32_t onem2m_ws_client_config_set_release_version(struct onem2m_ws_client_config *config, const char *release);

// Adds a header field to the opening handshake.
int32_t onem2m_ws_client_config_set_header(struct onem2m_ws_client_config *config, const char *name, const char *value);

// Refuses every deviation of the peer's from the standard that is tolerated otherwise. Off by default.
int32_t onem2m_ws_client_config_set_strict(struct onem2m_ws_client_config *config, bool yes);

// onem2m_ws_client_connect() goes on trying as a lost connection is tried for, until the connection is open, its time-out is
// over, or trying again is pointless. Off by default: the first attempt that fails is told.
int32_t onem2m_ws_client_config_set_patient(struct onem2m_ws_client_config *config,
                                            bool yes);

// When a lost connection is opened again: the delay before the second attempt (500 ms), which doubles with every failure up to
// the largest (60 000 ms), each being a random part of what it may be; a connection that lasted `stable_after_ms` (30 000 ms)
// begins anew with the first delay.
int32_t onem2m_ws_client_config_set_reopening(struct onem2m_ws_client_config *config,
                                              uint32_t first_delay_ms,
                                              uint32_t largest_delay_ms,
                                              uint32_t stable_after_ms);

// Which requests of onem2m_ws_client_send() and its like are sent again when the connection broke before their response came:
// one of onem2m_ws_repeat, none by default; onem2m_ws_last_error_outcome_unknown() is true for those that are not.
int32_t onem2m_ws_client_config_set_repeat(struct onem2m_ws_client_config *config,
                                           int32_t repeat);

// Keeps the registration alive that onem2m_ws_client_register_ae() or onem2m_ws_client_register_cse() made: it is renewed before
// it lapses, and after a reopening the registrar is asked whether it still knows the entity; one that does not is registered at
// again. on_event tells. On by default.
int32_t onem2m_ws_client_config_set_keep_registered(struct onem2m_ws_client_config *config,
                                                    bool yes);

// For how long registrations are made (`et`), and then renewed for as long again before they lapse: 1000 ms to a year; the
// registrar may make it shorter. 0, the default: the registrar decides.
int32_t onem2m_ws_client_config_set_registration_lifetime_ms(struct onem2m_ws_client_config *config,
                                                             uint64_t milliseconds);

// Keeps who the entity is in this file, which is made if it does not exist: a restarted program goes on without registering
// again. onem2m_ws_client_register_ae() then asks the registrar whether it still knows the entity, and registers only if it does
// not. One file is for one entity at one registrar, and one process at a time. NULL, the default, for none.
int32_t onem2m_ws_client_config_set_state_file(struct onem2m_ws_client_config *config,
                                               const char *path);

// The times at which the entity can be reached: `count` entries as the `scheduleEntries` of a `<schedule>` has them, "second minute
// hour day-of-month month day-of-week year" in UTC, 1 to 32, each of at most 256 bytes. The connection is opened when such a time
// begins, and closed at its end when nothing is pending. 0 entries, the default: always. The registrar hears of it by a
// `<schedule>` resource below the `<AE>`, which the program makes.
//
// Errors: onem2m_ws_client_new() returns ONEM2M_WS_INVALID_ARGUMENT for one that is no schedule; the text names entry and field.
int32_t onem2m_ws_client_config_set_schedule(struct onem2m_ws_client_config *config,
                                             const char *const *entries,
                                             size_t count);

// What becomes of a request outside of these times: one of onem2m_ws_outside_window.
int32_t onem2m_ws_client_config_set_outside_window(struct onem2m_ws_client_config *config, int32_t outside);

// Bounds of the outbox, which onem2m_ws_client_post() fills: 1024 requests (1 to 1 000 000), and 8 MiB in memory, about.
int32_t onem2m_ws_client_config_set_outbox_bounds(struct onem2m_ws_client_config *config,
                                                  uint32_t requests,
                                                  size_t bytes);

// What becomes of one more: one of onem2m_ws_when_full.
int32_t onem2m_ws_client_config_set_outbox_when_full(struct onem2m_ws_client_config *config, int32_t when_full);

// How long a request is kept that says nothing else (`rqet`, `rset`): 86 400 000 ms, a day; at least 1, at most a year.
int32_t onem2m_ws_client_config_set_outbox_lifetime_ms(struct onem2m_ws_client_config *config, uint64_t milliseconds);

// Most requests that are sent from the outbox in a second; 0, the default: as fast as they are answered.
int32_t onem2m_ws_client_config_set_outbox_rate(struct onem2m_ws_client_config *config, double requests_per_second);

// Requests of the outbox under way at a time: 1, which keeps their order also where one has to be sent again; at most 256.
int32_t onem2m_ws_client_config_set_outbox_window(struct onem2m_ws_client_config *config,
                                                  uint32_t requests);

// Which requests of the outbox are sent again when it is not known whether they were carried out: one of onem2m_ws_repeat, all
// by default. Of others ONEM2M_WS_EVENT_DELIVERED tells that their outcome is unknown.
int32_t onem2m_ws_client_config_set_outbox_repeat(struct onem2m_ws_client_config *config,
                                                  int32_t repeat);

// Keeps the outbox in this file, which is made if it does not exist: what was accepted survives a crash, and the next run
// delivers it. One file is for one client, and one process at a time. NULL, the default, for none.
int32_t onem2m_ws_client_config_set_outbox_file(struct onem2m_ws_client_config *config,
                                                const char *path);

// Makes a client; nothing is opened yet. `callbacks` may be NULL. Free it with onem2m_ws_client_free().
int32_t onem2m_ws_client_new(const struct onem2m_ws_client_config *config,
                             const struct onem2m_ws_callbacks *callbacks,
                             struct onem2m_ws_client **out);

// Closes the connection at once and frees the client; NULL is fine. Requests under way are completed with ONEM2M_WS_CLOSED;
// every completion that was not called yet, and then `drop`, is called before this returns - or, if this is called
// within a callback, after that callback has returned: then it does not wait. Do not hold a lock that a callback needs.
void onem2m_ws_client_free(struct onem2m_ws_client *client);

// Opens the connection if it is not open, and waits for that. Without it the first request opens the connection, but goes on
// trying until its time is over; this tells at once what is wrong.
//
// Errors: ONEM2M_WS_UNKNOWN_HOST, ONEM2M_WS_CONNECTION_REFUSED, ONEM2M_WS_OPEN_TIMEOUT, ONEM2M_WS_HANDSHAKE_REFUSED,
// ONEM2M_WS_NOT_WEBSOCKET, ONEM2M_WS_NO_COMMON_SUBPROTOCOL, ONEM2M_WS_NETWORK, ONEM2M_WS_CLOSED; over wss
// ONEM2M_WS_TLS_FAILED, ONEM2M_WS_PEER_NOT_TRUSTED, ONEM2M_WS_CREDENTIAL_REFUSED; ONEM2M_WS_TIMEOUT after
// `timeout_ms`.
int32_t onem2m_ws_client_connect(const struct onem2m_ws_client *client,
                                 uint32_t timeout_ms);

// onem2m_ws_client_connect() with a completion callback.
int32_t onem2m_ws_client_connect_async(const struct onem2m_ws_client *client,
                                       onem2m_ws_completion completion,
                                       void *user_data,
                                       uint64_t *call);

// Registers the originator as an AE: CREATE of an `<AE>` below `parent` (NULL for "-", the registrar's CSEBase; "cse-in" for
// older registrars) with the App-ID `app_id` ("Nexample"), the resource name `name` (NULL: the registrar makes one) and
// the attributes of a JSON object (may be NULL). From then on requests of any kind can be sent and received; losing the
// connection does not end a registration. onem2m_ws_client_entity() is the AE-ID then.
//
// Errors: ONEM2M_WS_REGISTRATION_REFUSED, and what onem2m_ws_client_send() returns.
int32_t onem2m_ws_client_register_ae(const struct onem2m_ws_client *client,
                                     const char *parent,
                                     const char *app_id,
                                     const char *name,
                                     const char *attributes_json,
                                     uint32_t timeout_ms);

// onem2m_ws_client_register_ae() with a completion callback.
int32_t onem2m_ws_client_register_ae_async(const struct onem2m_ws_client *client,
                                           const char *parent,
                                           const char *app_id,
                                           const char *name,
                                           const char *attributes_json,
                                           onem2m_ws_completion completion,
                                           void *user_data,
                                           uint64_t *call);

// Registers the originator as a CSE: CREATE of a `<remoteCSE>` below `parent` (NULL for "-") for the CSE `cse_id` ("/id-mn")
// whose CSEBase is named `cse_name`, with the attributes of a JSON object (may be NULL).
//
// Errors: as onem2m_ws_client_register_ae().
int32_t onem2m_ws_client_register_cse(const struct onem2m_ws_client *client,
                                      const char *parent,
                                      const char *cse_id,
                                      const char *cse_name,
                                      const char *attributes_json,
                                      uint32_t timeout_ms);

// onem2m_ws_client_register_cse() with a completion callback.
int32_t onem2m_ws_client_register_cse_async(const struct onem2m_ws_client *client,
                                            const char *parent,
                                            const char *cse_id,
                                            const char *cse_name,
                                            const char *attributes_json,
                                            onem2m_ws_completion completion,
                                            void *user_data,
                                            uint64_t *call);

// Sends a request and waits for its response, at most `timeout_ms` and at most the request time-out of the client; 0 is the
// latter. Without a connection the request waits for one, which is opened. `*response` (`response` may be NULL) is to be
// freed with onem2m_ws_response_free(); a response whose status is not 2xxx is a response as well, and the result
// ONEM2M_WS_OK.
//
// Errors: ONEM2M_WS_NOT_REGISTERED, ONEM2M_WS_CLOSED, ONEM2M_WS_QUEUE_FULL, ONEM2M_WS_DUPLICATE_REQUEST_ID,
// ONEM2M_WS_INVALID_ARGUMENT, ONEM2M_WS_ENCODE: it was not sent. ONEM2M_WS_TIMEOUT, ONEM2M_WS_CONNECTION_LOST: whether it was
// carried out is not known, unless the text says so.
int32_t onem2m_ws_client_send(const struct onem2m_ws_client *client,
                              const struct onem2m_ws_request *request,
                              uint32_t timeout_ms,
                              struct onem2m_ws_response **response);

// onem2m_ws_client_send() with a completion callback, which gets the response. The request may be freed at once.
int32_t onem2m_ws_client_send_async(const struct onem2m_ws_client *client,
                                    const struct onem2m_ws_request *request,
                                    onem2m_ws_completion completion,
                                    void *user_data,
                                    uint64_t *call);

// Sends a NOTIFY with this content (a JSON object) to `to` and waits for its response; see onem2m_ws_client_send().
int32_t onem2m_ws_client_notify(const struct onem2m_ws_client *client,
                                const char *to,
                                const char *content_json,
                                uint32_t timeout_ms,
                                struct onem2m_ws_response **response);

// onem2m_ws_client_notify() with a completion callback, which gets the response.
int32_t onem2m_ws_client_notify_async(const struct onem2m_ws_client *client,
                                      const char *to,
                                      const char *content_json,
                                      onem2m_ws_completion completion,
                                      void *user_data,
                                      uint64_t *call);

// Subscribes to `target`: CREATE of a `<subscription>` below it; notifications come to on_request over this client's own
// connection. By default every new child is notified, whole; the attributes of a JSON object (may be NULL) say otherwise:
// {"rn":"sub","enc":{"net":[1]},"nct":2}. The response is 2001 if all is well; see onem2m_ws_client_send().
int32_t onem2m_ws_client_subscribe(const struct onem2m_ws_client *client,
                                   const char *target,
                                   const char *attributes_json,
                                   uint32_t timeout_ms,
                                   struct onem2m_ws_response **response);

// onem2m_ws_client_subscribe() with a completion callback, which gets the response.
int32_t onem2m_ws_client_subscribe_async(const struct onem2m_ws_client *client,
                                         const char *target,
                                         const char *attributes_json,
                                         onem2m_ws_completion completion,
                                         void *user_data,
                                         uint64_t *call);

// Closes the connection for now and waits for that; the next request, or onem2m_ws_client_connect(), opens it again. The
// registration stays in force. What waits for a response fails with ONEM2M_WS_CONNECTION_LOST.
int32_t onem2m_ws_client_disconnect(const struct onem2m_ws_client *client,
                                    uint32_t timeout_ms);

// onem2m_ws_client_disconnect() with a completion callback.
int32_t onem2m_ws_client_disconnect_async(const struct onem2m_ws_client *client,
                                          onem2m_ws_completion completion,
                                          void *user_data,
                                          uint64_t *call);

// Closes the client: takes no further request (ONEM2M_WS_CLOSED), waits until nothing under way waits for a response, in
// either direction, then closes the connection. The registration stays in force. Can be called again. In poll mode it
// delivers callbacks while it waits. The client is still to be freed; freeing it without this loses what is under way.
//
// Errors: ONEM2M_WS_TIMEOUT: it goes on in the background. ONEM2M_WS_WOULD_DEADLOCK within a callback of this client, which
// may be what it would wait for: use onem2m_ws_client_close_async() there.
int32_t onem2m_ws_client_close(const struct onem2m_ws_client *client,
                               uint32_t timeout_ms);

// onem2m_ws_client_close() with a completion callback. May be called within callbacks.
int32_t onem2m_ws_client_close_async(const struct onem2m_ws_client *client,
                                     onem2m_ws_completion completion,
                                     void *user_data,
                                     uint64_t *call);

// Forgets an asynchronous call: its completion will not be called. A request may be carried out nevertheless.
//
// Errors: ONEM2M_WS_INVALID_STATE if there is no such call any more: its completion was called, or is about to be.
int32_t onem2m_ws_client_cancel(const struct onem2m_ws_client *client, uint64_t call);

// In poll mode: a descriptor that is readable while there is something to deliver, for poll(), epoll and the like. Only to be
// waited on; it belongs to the client. Negative for an error: ONEM2M_WS_INVALID_STATE without poll mode.
int onem2m_ws_client_fd(const struct onem2m_ws_client *client);

// In poll mode: calls the callbacks for all that has happened, on this thread. Waits for something at most `timeout_ms`; 0
// does not wait.
//
// Errors: ONEM2M_WS_WOULD_DEADLOCK within a callback of this client; ONEM2M_WS_INVALID_STATE without poll mode, or while
// another thread does the same.
int32_t onem2m_ws_client_dispatch(const struct onem2m_ws_client *client,
                                  uint32_t timeout_ms);

// Where the connection stands: one of onem2m_ws_connection_state, or negative for an error.
int32_t onem2m_ws_client_state(const struct onem2m_ws_client *client);

// What the connection speaks: one of onem2m_ws_format, which the registrar chose; 0 while there is no connection, negative for
// an error.
int32_t onem2m_ws_client_format(const struct onem2m_ws_client *client);

// Copies the AE-ID or CSE-ID that is registered to `buffer`, with a zero byte at its end; `*length` (may be NULL) is its
// length without that.
//
// Errors: ONEM2M_WS_NOT_REGISTERED; ONEM2M_WS_INVALID_ARGUMENT if `size` is too small: nothing is copied then, and `*length`
// tells.
int32_t onem2m_ws_client_entity(const struct onem2m_ws_client *client,
                                char *buffer,
                                size_t size,
                                size_t *length);

// Sends a request whose result comes in a way of its own, one of onem2m_ws_mode, and waits for that result: as
// onem2m_ws_client_send(), whatever the registrar makes of it. The result is waited for until the request's `rset`, or for the
// request time-out, beginning at its `oet`; it is also taken over a connection that is opened meanwhile.
//
// Errors: as onem2m_ws_client_send(); ONEM2M_WS_INVALID_ARGUMENT for a registration, which is blocking always.
int32_t onem2m_ws_client_send_in(const struct onem2m_ws_client *client,
                                 int32_t mode,
                                 const struct onem2m_ws_request *request,
                                 uint32_t timeout_ms,
                                 struct onem2m_ws_response **response);

// onem2m_ws_client_send_in() with a callback for the acknowledgement, which may be NULL, and a completion callback, which gets the
// result. Both get `user_data`. Cancelling the call forgets both.
int32_t onem2m_ws_client_send_in_async(const struct onem2m_ws_client *client,
                                       int32_t mode,
                                       const struct onem2m_ws_request *request,
                                       onem2m_ws_acknowledged acknowledged,
                                       onem2m_ws_completion completion,
                                       void *user_data,
                                       uint64_t *call);

// Accepts a request for delivery, and returns when it is accepted: with a file (onem2m_ws_client_config_set_outbox_file()), when
// it is in there. It is delivered as soon as the entity is registered and connected, in the order of the calls, at least once,
// with the same `rqi` each time; ONEM2M_WS_EVENT_DELIVERED tells what became of it. `*request_id` (`request_id` may be NULL) is
// that `rqi`, the request's own or a new one, to be freed with onem2m_ws_buffer_free().
//
// Errors: ONEM2M_WS_QUEUE_FULL, ONEM2M_WS_CLOSED, ONEM2M_WS_STORAGE, ONEM2M_WS_INVALID_ARGUMENT: it was not accepted; so for
// ONEM2M_WS_TIMEOUT if its expiration has passed, but after `timeout_ms` (0: as long as the file takes) it still may be.
int32_t onem2m_ws_client_post(const struct onem2m_ws_client *client,
                              const struct onem2m_ws_request *request,
                              uint32_t timeout_ms,
                              struct onem2m_ws_buffer **request_id);

// onem2m_ws_client_post() with a callback, which gets the `rqi` when the request is accepted, and errors likewise. The request may
// be freed at once. The order of the calls is that of delivery, but their callbacks may come in any order, and
// ONEM2M_WS_EVENT_DELIVERED before them: a program that is to know the `rqi` by then sets it, onem2m_ws_request_set_id().
// onem2m_ws_client_cancel() only forgets the callback.
int32_t onem2m_ws_client_post_async(const struct onem2m_ws_client *client,
                                    const struct onem2m_ws_request *request,
                                    onem2m_ws_posted posted,
                                    void *user_data,
                                    uint64_t *call);

// Waits until everything that was posted has left the outbox: delivered, expired or given up.
//
// Errors: ONEM2M_WS_TIMEOUT after `timeout_ms`: it goes on being delivered. ONEM2M_WS_CLOSED.
int32_t onem2m_ws_client_flush(const struct onem2m_ws_client *client, uint32_t timeout_ms);

// onem2m_ws_client_flush() with a completion callback.
int32_t onem2m_ws_client_flush_async(const struct onem2m_ws_client *client,
                                     onem2m_ws_completion completion,
                                     void *user_data,
                                     uint64_t *call);

// How many requests were posted and have not left the outbox; negative for an error.
int32_t onem2m_ws_client_outbox_len(const struct onem2m_ws_client *client);

// What is in the outbox now, to look at. Free it with onem2m_ws_outbox_free().
int32_t onem2m_ws_client_outbox(const struct onem2m_ws_client *client, struct onem2m_ws_outbox **out);

// How many requests there are; 0 if `outbox` is NULL.
size_t onem2m_ws_outbox_count(const struct onem2m_ws_outbox *outbox);

// Writes what there is to know of one of them to `*entry`, the first with `index` 0. Its texts are valid until the outbox is
// freed.
//
// Errors: ONEM2M_WS_INVALID_ARGUMENT if there is none.
int32_t onem2m_ws_outbox_get(const struct onem2m_ws_outbox *outbox,
                             size_t index,
                             struct onem2m_ws_outbox_entry *entry);

// Frees what was listed; NULL is fine. The outbox of the client stays as it is.
void onem2m_ws_outbox_free(struct onem2m_ws_outbox *outbox);

// Writes what the client has counted so far to `*counters`.
int32_t onem2m_ws_client_counters(const struct onem2m_ws_client *client, struct onem2m_ws_counters *counters);

// Settings of a registrar. Free them with onem2m_ws_registrar_config_free().
int32_t onem2m_ws_registrar_config_new(struct onem2m_ws_registrar_config **out);

// Frees settings; NULL is fine.
void onem2m_ws_registrar_config_free(struct onem2m_ws_registrar_config *config);

// Sets everything that a JSON object names, {"listen":"ws://127.0.0.1:9000"}; null sets the default. An unknown name or a
// wrong value is an error and changes nothing; what is out of range is one when the registrar is started. The names are those
// of the setters, and:
// `listen` and `points_of_access`, also with a list;
// `users` and `tokens` (objects {"name":"password"} and {"name":"token"}: who may open connections, by Basic or Bearer
// credentials in the handshake; with one of them everybody else is answered 401, and no error or log shows a secret);
// `formats` (a list of "json", "xml" and "cbor"); `paths` (those that are served, a list: any; a handshake for another one
// is answered 404), `allow_origins` (the web pages that may open connections, as "https://app.example", a list: none; others
// are answered 403), `stray_subprotocols` (takes spellings of older texts: false);
// `max_half_open`, `max_half_open_per_address` (connections whose handshake is not done: 1024 and 128, one more is answered
// 503), `max_handshake_bytes` (16 384; 256 to 1 048 576), `max_handshake_fields` (64; 8 to 1024);
// `max_fragments` (of one message: 4096), `fragment_size` (of messages that are sent: 32 768; 0 for messages that are always
// one frame), `max_control_frames` (in a second: 256);
// `answer_timeout_ms` (30 000), `pong_timeout_ms` (10 000), `write_timeout_ms` (a peer that takes no byte for so long is given
// up: 30 000), `close_timeout_ms` (5000), `idle_close_ms` (closes connections over which nothing has travelled for so long; 0,
// the default, for never); `take_over` is "probe", "refuse" or "newest"; `flapping_count`, `flapping_within_ms`; `upstream`, `upstream_cse_id`,
// `upstream_client` (an object as onem2m_ws_client_config_load_json() takes it), `upstream_attributes` (of the `<remoteCSE>` that it
// registers, an object). `compression` is true, false, or an object as onem2m_ws_client_config_load_json() takes it; `tls` is an
// object as onem2m_ws_tls_load_json() takes it, `listen_with` an object of those by points of access.
// Every other number is at least 1, and a time at most a year.
int32_t onem2m_ws_registrar_config_load_json(struct onem2m_ws_registrar_config *config,
                                             const char *json);

// Where to listen: "ws://127.0.0.1:9000" by default; at "wss://host:port" with onem2m_ws_registrar_config_set_tls(). Port 0 takes
// any that is free.
int32_t onem2m_ws_registrar_config_set_listen(struct onem2m_ws_registrar_config *config,
                                              const char *point_of_access);

// The CSE-ID: "/id-in" by default.
int32_t onem2m_ws_registrar_config_set_cse_id(struct onem2m_ws_registrar_config *config, const char *cse_id);

// The identifier of the service provider ("//sp.example"): none by default.
int32_t onem2m_ws_registrar_config_set_sp_id(struct onem2m_ws_registrar_config *config, const char *sp_id);

// The resource name of the CSEBase: "cse-in" by default.
int32_t onem2m_ws_registrar_config_set_cse_name(struct onem2m_ws_registrar_config *config, const char *cse_name);

// The originator that may do everything: "CAdmin" by default. Over a connection without TLS whoever names himself so is
// believed; over one with TLS a credential that names it.
int32_t onem2m_ws_registrar_config_set_admin(struct onem2m_ws_registrar_config *config, const char *originator);

// Allows to listen with ws at an address that others can reach, though nothing is encrypted: false by default. For closed
// networks.
int32_t onem2m_ws_registrar_config_set_allow_insecure(struct onem2m_ws_registrar_config *config,
                                                      bool yes);

// Where registrees reach it, if that is not where it listens (behind a proxy, or at all addresses): "ws://name:9000".
int32_t onem2m_ws_registrar_config_set_points_of_access(struct onem2m_ws_registrar_config *config,
                                                        const char *point_of_access);

// Speaks these formats, `count` of onem2m_ws_format; each registree chooses among them. All three by default, which `count` 0
// sets again. A registree that offers none of them is answered 400.
int32_t onem2m_ws_registrar_config_set_formats(struct onem2m_ws_registrar_config *config,
                                               const int32_t *formats,
                                               size_t count);

// Most connections at a time: 10 000. One more is answered 503.
int32_t onem2m_ws_registrar_config_set_max_connections(struct onem2m_ws_registrar_config *config, size_t count);

// Largest message taken: 1 MiB. A larger one closes its connection.
int32_t onem2m_ws_registrar_config_set_max_message_size(struct onem2m_ws_registrar_config *config, size_t bytes);

// Longest time for an opening handshake, from the accept on: 10 000 ms.
int32_t onem2m_ws_registrar_config_set_handshake_timeout_ms(struct onem2m_ws_registrar_config *config,
                                                            uint32_t milliseconds);

// Longest wait for the response of a registree: 30 000 ms.
int32_t onem2m_ws_registrar_config_set_request_timeout_ms(struct onem2m_ws_registrar_config *config,
                                                          uint32_t milliseconds);

// Sends a ping after so much time without a received byte: 20 000 ms; 0 for never.
int32_t onem2m_ws_registrar_config_set_ping_after_ms(struct onem2m_ws_registrar_config *config, uint32_t milliseconds);

// Takes the offers of registrees that compress messages (RFC 7692), with the library's defaults, which
// onem2m_ws_registrar_config_load_json() can change. Off by default.
int32_t onem2m_ws_registrar_config_set_compression(struct onem2m_ws_registrar_config *config, bool yes);

// Refuses every deviation of a registree's from the standard that is tolerated otherwise: false by default.
int32_t onem2m_ws_registrar_config_set_strict(struct onem2m_ws_registrar_config *config, bool yes);

// Keeps resources, registrations and notifications for registrees that are offline in this file, which is made if there is none:
// what was answered with success is there after a crash. NULL, the default, keeps them in memory. One process at a time.
int32_t onem2m_ws_registrar_config_set_store(struct onem2m_ws_registrar_config *config,
                                             const char *path);

// How long a notification without an expiration time of its own waits for its registree: 86 400 000 ms, a day, by default.
int32_t onem2m_ws_registrar_config_set_notification_age_ms(struct onem2m_ws_registrar_config *config,
                                                           uint64_t milliseconds);

// So many stored notifications of one registree may be under way at a time: sent, and not yet known to be answered. 1 by default,
// at most 256. A crash, or the loss of a connection, repeats so many at most. More are faster where the way is long; their
// order is the same.
int32_t onem2m_ws_registrar_config_set_delivery_window(struct onem2m_ws_registrar_config *config,
                                                       uint32_t count);

// What a newcomer meets that speaks for an entity whose connection is open: one of onem2m_ws_take_over.
int32_t onem2m_ws_registrar_config_set_take_over(struct onem2m_ws_registrar_config *config, int32_t take_over);

// Tells (ONEM2M_WS_REGISTREE_FLAPPING) when an entity is taken over more often than `count` times (1 to 10 000) within this time:
// 15 times in 60 000 ms by default.
int32_t onem2m_ws_registrar_config_set_flapping(struct onem2m_ws_registrar_config *config,
                                                uint32_t count,
                                                uint32_t within_ms);

// How long the result of a non-blocking request is kept whose originator does not say it (`rp`): 300 000 ms, five minutes, by
// default; at least 1, at most a year.
int32_t onem2m_ws_registrar_config_set_result_persistence_ms(struct onem2m_ws_registrar_config *config,
                                                             uint64_t milliseconds);

// Makes it an MN-CSE: it registers at the registrar at `point_of_access` ("ws://host[:port]"), whose CSE-ID is `cse_id`
// ("/id-in"), and what is for a CSE that is not registered here goes there. The connection is opened in the background and kept;
// what has to be notified while it is away is stored. Its own CSE-ID and name must differ from those of that registrar. NULL for
// both, the default, for none.
int32_t onem2m_ws_registrar_config_set_upstream(struct onem2m_ws_registrar_config *config,
                                                const char *point_of_access,
                                                const char *cse_id);

// Takes the settings of that connection (preset, times, proxy, compression...) from those of a client, which are copied; its
// point of access, its originator and its callbacks do not count. NULL, the default, for the defaults.
int32_t onem2m_ws_registrar_config_set_upstream_client(struct onem2m_ws_registrar_config *config,
                                                       const struct onem2m_ws_client_config *client);

// The address of that registrar's `<CSEBase>`: "-" by default, which every CSE has; "cse-in" for older ones.
int32_t onem2m_ws_registrar_config_set_upstream_below(struct onem2m_ws_registrar_config *config, const char *cse_base);

// How often it is looked whether the registration there is still in force: every 60 000 ms, and after each opening of the
// connection; 0 for the latter only. At most a year.
int32_t onem2m_ws_registrar_config_set_upstream_check_every_ms(struct onem2m_ws_registrar_config *config,
                                                               uint32_t milliseconds);

// No dispatcher thread: callbacks are called only by onem2m_ws_registrar_dispatch(). Off by default.
int32_t onem2m_ws_registrar_config_set_poll_mode(struct onem2m_ws_registrar_config *config, bool yes);

// Starts a registrar; it listens when this returns. `config` may be NULL. Free it with onem2m_ws_registrar_free().
//
// Errors: ONEM2M_WS_INVALID_ARGUMENT if a setting cannot work, ONEM2M_WS_NETWORK if it cannot listen there, ONEM2M_WS_STORAGE if
// its store cannot be used: the text says what to do.
int32_t onem2m_ws_registrar_start(const struct onem2m_ws_registrar_config *config,
                                  struct onem2m_ws_registrar **out);

// As onem2m_ws_registrar_start(), with callbacks that tell what happens to its registrees; `callbacks` may be NULL.
int32_t onem2m_ws_registrar_start_with(const struct onem2m_ws_registrar_config *config,
                                       const struct onem2m_ws_registrar_callbacks *callbacks,
                                       struct onem2m_ws_registrar **out);

// Where registrees reach it: "ws://127.0.0.1:9000", the first with `index` 0; no text after the last. Valid until the
// registrar is freed.
struct onem2m_ws_text onem2m_ws_registrar_point_of_access(const struct onem2m_ws_registrar *registrar, size_t index);

// Stops: takes no new connection, closes every connection as soon as nothing under way waits on it, and waits for that at
// most `timeout_ms` (0: as long as it takes). Can be called again. The registrar is still to be freed.
//
// Errors: ONEM2M_WS_TIMEOUT: it goes on in the background. ONEM2M_WS_WOULD_DEADLOCK within a callback, since a client of this
// process may be what it would wait for.
int32_t onem2m_ws_registrar_stop(const struct onem2m_ws_registrar *registrar,
                                 uint32_t timeout_ms);

// Stops at once and frees the registrar; NULL is fine. `drop` of its callbacks is called before this returns - or, if this is
// called within a callback, after that callback has returned: then it does not wait. Without callbacks it waits for nothing.
void onem2m_ws_registrar_free(struct onem2m_ws_registrar *registrar);

// In poll mode: a descriptor that is readable while there is something to deliver, as onem2m_ws_client_fd().
int onem2m_ws_registrar_fd(const struct onem2m_ws_registrar *registrar);

// In poll mode: calls the callbacks for all that has happened, on this thread, as onem2m_ws_client_dispatch().
int32_t onem2m_ws_registrar_dispatch(const struct onem2m_ws_registrar *registrar, uint32_t timeout_ms);

// How an MN-CSE stands with its registrar: 1 if there is a connection and the registration is known to be in force, 0 if not,
// negative for an error. `*registrations` (may be NULL) is how often this registrar has registered there: more than once if that
// one has forgotten it. If it is 0, `*cause` (may be NULL) is why, one of onem2m_ws_result, and onem2m_ws_last_error() has its text;
// ONEM2M_WS_OK if it is not known or not tried yet.
//
// Errors: ONEM2M_WS_INVALID_STATE if it has no registrar.
int32_t onem2m_ws_registrar_upstream_state(const struct onem2m_ws_registrar *registrar,
                                           uint64_t *registrations,
                                           int32_t *cause);

// How many notifications wait for an entity ("Ca", "/id-mn"); negative for an error.
int32_t onem2m_ws_registrar_waiting(const struct onem2m_ws_registrar *registrar, const char *entity);

// Writes what became of what was stored to `*counters`.
int32_t onem2m_ws_registrar_delivery_counters(const struct onem2m_ws_registrar *registrar,
                                              struct onem2m_ws_delivery_counters *counters);

// Writes how often connections met others to `*counters`.
int32_t onem2m_ws_registrar_take_over_counters(const struct onem2m_ws_registrar *registrar,
                                               struct onem2m_ws_take_over_counters *counters);

// Writes how many peers got no connection to `*counters`.
int32_t onem2m_ws_registrar_refusal_counters(const struct onem2m_ws_registrar *registrar,
                                             struct onem2m_ws_refusal_counters *counters);

// Settings of TLS. Free them with onem2m_ws_tls_free().
int32_t onem2m_ws_tls_new(struct onem2m_ws_tls **out);

// Frees settings, and erases what secrets they have; NULL is fine.
void onem2m_ws_tls_free(struct onem2m_ws_tls *tls);

// Sets everything that a JSON object names; null sets the default. An unknown name or a wrong value is an error, which names it,
// and changes nothing. onem2m_ws_client_config_load_json() and onem2m_ws_registrar_config_load_json() take the same
// object as `tls`, and the latter as the values of `listen_with`, {"wss://192.0.2.1:9443":{...}}:
//
//     {"certificate":"sensor.pem","key":"sensor.key","trust":"ca.pem"}
//
// `certificate`, `key`, `raw_key`, `trust` and `revoked` (one or a list) are names of PEM files, or PEM; `trust_for` is a list of
// {"authorities":"ca.pem","providers":["sp.example"]}, `trust_key` and `uri_scheme` are one text or a list,
// `peer` is {"DNS:node7.sp.example":["Ssensor","Cother"]}, `pre_shared_key` {"7f3a@mef.sp.example":"0011..."} (hexadecimal digits),
// `pre_shared_keys` the name of a file or a list, `ts0003_suites` true or false, `library` "rustls" or "openssl", `unnamed` "refuse" or "first_come", `least_version` and
// `most_version` "1.2" or "1.3", `server_name` a text, `trust_system` and `anonymous_clients` true or false. What they mean the
// functions below say.
int32_t onem2m_ws_tls_load_json(struct onem2m_ws_tls *tls,
                                const char *json);

// The certificate of this end, with what stands between it and its authority behind it, and its private key (PKCS #8, SEC 1 or
// PKCS #1, not encrypted). NULL for both, the default, for none.
int32_t onem2m_ws_tls_set_certificate(struct onem2m_ws_tls *tls,
                                      const char *chain,
                                      const char *key);

// As onem2m_ws_tls_set_certificate(), with PEM in memory.
int32_t onem2m_ws_tls_set_certificate_pem(struct onem2m_ws_tls *tls,
                                          const void *chain,
                                          size_t chain_length,
                                          const void *key,
                                          size_t key_length);

// The private key of this end alone: peers know its public key (RFC 7250). TLS 1.3 only. A registrar with a certificate shows its
// public key to whoever asks for that, without this. NULL, the default, for none.
int32_t onem2m_ws_tls_set_raw_key(struct onem2m_ws_tls *tls,
                                  const char *key);

// As onem2m_ws_tls_set_raw_key(), with PEM in memory.
int32_t onem2m_ws_tls_set_raw_key_pem(struct onem2m_ws_tls *tls, const void *key, size_t key_length);

// Trusts the certificates of these authorities. Can be called more than once.
int32_t onem2m_ws_tls_trust(struct onem2m_ws_tls *tls, const char *authorities);

// As onem2m_ws_tls_trust(), with PEM in memory.
int32_t onem2m_ws_tls_trust_pem(struct onem2m_ws_tls *tls, const void *authorities, size_t authorities_length);

// Trusts the certificates of these authorities for entities of `count` service providers ("sp.example") only. Can be called more
// than once.
int32_t onem2m_ws_tls_trust_for(struct onem2m_ws_tls *tls,
                                const char *authorities,
                                const char *const *providers,
                                size_t count);

// Trusts the peer whose raw public key has this digest (RFC 6920), "ni:///sha-256;...", also sha-256-128 and sha-256-120. Can be
// called more than once.
int32_t onem2m_ws_tls_trust_key(struct onem2m_ws_tls *tls,
                                const char *ni);

// Trusts, as a client, the authorities of the system too. Off by default: anybody who has a name in the web could be the registrar
// then.
int32_t onem2m_ws_tls_set_trust_system(struct onem2m_ws_tls *tls,
                                       bool yes);

// Takes no certificate that these lists (CRL) revoke. Where there is a list, there must be one of each authority on the way from
// a certificate to the one that is trusted: a certificate of whose state nothing is known is refused. Can be called more than
// once.
int32_t onem2m_ws_tls_add_revoked(struct onem2m_ws_tls *tls,
                                  const char *lists);

// As onem2m_ws_tls_add_revoked(), with PEM in memory.
int32_t onem2m_ws_tls_add_revoked_pem(struct onem2m_ws_tls *tls, const void *lists, size_t lists_length);

// For a client: the name that the registrar's certificate must have, a domain name or an address, instead of the host of the point
// of access. It is sent in the handshake too (SNI). NULL, the default, for that host.
int32_t onem2m_ws_tls_set_server_name(struct onem2m_ws_tls *tls,
                                      const char *name);

// For a registrar: the `count` entities that speak with a credential which does not name them itself. It is named as
// onem2m_ws_peer_identity_name() shows it: "DNS:node7.sp.example", "ID:...", "ni:///sha-256;...". Entities are "Cname",
// "Sname" or "/cse", in any form. What is said here holds over the names in a certificate; the same credential again replaces what
// was said of it.
int32_t onem2m_ws_tls_add_peer(struct onem2m_ws_tls *tls,
                               const char *credential,
                               const char *const *entities,
                               size_t count);

// For a registrar: takes an AE-ID in a certificate also behind this scheme, as "m2m://sp.example/Ssensor" for "m2m". By default it is
// the AE-ID alone, "//sp.example/Ssensor". Can be called more than once.
int32_t onem2m_ws_tls_add_uri_scheme(struct onem2m_ws_tls *tls,
                                     const char *scheme);

// For a registrar: what becomes of a client whose certificate names no entity, one of onem2m_ws_unnamed.
int32_t onem2m_ws_tls_set_unnamed(struct onem2m_ws_tls *tls, int32_t unnamed);

// For a registrar: takes clients without a credential too. Off by default, since TS-0020 7 asks for both ends to be authenticated:
// such a client is what one without TLS is.
int32_t onem2m_ws_tls_set_anonymous_clients(struct onem2m_ws_tls *tls,
                                            bool yes);

// The oldest and the newest version that are spoken, both of onem2m_ws_tls_version: 1.2 and 1.3 by default.
int32_t onem2m_ws_tls_set_versions(struct onem2m_ws_tls *tls, int32_t least, int32_t most);

// A key that both ends have, and its identifier ("7f3a@mef.sp.example"; KpsaID and Kpsa of TS-0003), instead of certificates: 16 to
// 64 bytes of a random source. It is for one client and one registrar. A client has one, a registrar can have one for each client:
// can be called more than once. Who has it speaks for what onem2m_ws_tls_add_peer() says of "PSK:" and the identifier; if nothing is
// said, for what it registers. Needs a library that was built with OpenSSL.
int32_t onem2m_ws_tls_add_pre_shared_key(struct onem2m_ws_tls *tls,
                                         const char *id,
                                         const void *key,
                                         size_t key_length);

// The same of a file, which is read again with the others. Each line has an identifier, a colon, and the key in hexadecimal
// digits; empty ones and those that begin with # are left out. Can be called more than once.
int32_t onem2m_ws_tls_add_pre_shared_keys(struct onem2m_ws_tls *tls,
                                          const char *file);

// Speaks, after all better ones, the suites too that TS-0003 makes mandatory for TLS 1.2. Off by default: that with pre-shared keys
// has no forward secrecy, and all need a peer that has encrypt-then-MAC (RFC 7366) to be safe. Needs OpenSSL as well.
int32_t onem2m_ws_tls_set_ts0003_suites(struct onem2m_ws_tls *tls,
                                        bool yes);

// What TLS is done by, one of onem2m_ws_tls_library. What needs OpenSSL is done by it in any case.
//
// Errors: where this library was built without it, onem2m_ws_client_new() and onem2m_ws_registrar_start() return
// ONEM2M_WS_INVALID_ARGUMENT.
int32_t onem2m_ws_tls_set_library(struct onem2m_ws_tls *tls, int32_t library);

// TLS of the connection to a registrar at "wss://host[:port]". They are copied; NULL, the default, for none.
int32_t onem2m_ws_client_config_set_tls(struct onem2m_ws_client_config *config, const struct onem2m_ws_tls *tls);

// TLS of the connections at each "wss://" place that the registrar listens at. They are copied; NULL, the default, for none. That
// of its connection to its own registrar is set with onem2m_ws_registrar_config_set_upstream_client().
int32_t onem2m_ws_registrar_config_set_tls(struct onem2m_ws_registrar_config *config,
                                           const struct onem2m_ws_tls *tls);

// Listens also at "wss://host:port" with TLS settings of its own, which are copied; NULL: not any more. Can be called more than
// once, for another place each time; where onem2m_ws_registrar_config_set_listen() is not called, these are the only ones.
int32_t onem2m_ws_registrar_config_listen_with(struct onem2m_ws_registrar_config *config,
                                               const char *point_of_access,
                                               const struct onem2m_ws_tls *tls);

// Reads the files of the TLS settings anew. The next connection is made by them, as each one is that is opened after this; the one
// that is open is closed if its registrar is not to be trusted any more, and opened again. May be called on any thread, and in
// callbacks.
//
// Errors: ONEM2M_WS_INVALID_ARGUMENT if a file cannot be used: then all stays as it was. ONEM2M_WS_INVALID_STATE without TLS.
int32_t onem2m_ws_client_reload_tls(const struct onem2m_ws_client *client);

// Reads the files of all TLS settings of the registrar anew, those of the connection to its own registrar too. Whoever connects from
// now on is judged by them, and so is whoever is connected: a connection whose credential does not count any more, or has other
// entities now, is closed. `*closed` (may be NULL) is how many are.
//
// Errors: as onem2m_ws_client_reload_tls(); what needs a file that cannot be used goes on with what it has.
int32_t onem2m_ws_registrar_reload_tls(const struct onem2m_ws_registrar *registrar,
                                       size_t *closed);

// Who the registrar is that the client is connected to, by its certificate or key. `*identity` is to be freed with
// onem2m_ws_peer_identity_free(), and NULL without TLS or without a connection. In on_request it is who has sent the request.
int32_t onem2m_ws_client_peer_identity(const struct onem2m_ws_client *client,
                                       struct onem2m_ws_peer_identity **identity);

// Who is at the other end of the connection over which an entity ("Ca", "/id-mn") is reached now. `*identity` is to be freed with
// onem2m_ws_peer_identity_free(), and NULL if nobody was authenticated there, or the entity is offline. Events bring it too.
int32_t onem2m_ws_registrar_peer_identity(const struct onem2m_ws_registrar *registrar,
                                          const char *entity,
                                          struct onem2m_ws_peer_identity **identity);

// Frees an identity; NULL is fine.
void onem2m_ws_peer_identity_free(struct onem2m_ws_peer_identity *identity);

// By what it was authenticated: "certificate", "raw-public-key", "pre-shared-key", or "program".
struct onem2m_ws_text onem2m_ws_peer_identity_framework(const struct onem2m_ws_peer_identity *identity);

// The one name of the credential: of two connections with the same one both ends are the same node.
struct onem2m_ws_text onem2m_ws_peer_identity_principal(const struct onem2m_ws_peer_identity *identity);

// The names in the credential, the first with `index` 0; no text after the last: "URI:", "DNS:", "IP:" or "ID:" and a name of
// its certificate, the digest of its key, "ni:///sha-256;...", or "PSK:" and the identifier of the key that both ends have.
struct onem2m_ws_text onem2m_ws_peer_identity_name(const struct onem2m_ws_peer_identity *identity,
                                                   size_t index);

// The entities for which it speaks, "//sp.example/Ssensor", the first with `index` 0; no text after the last. See
// onem2m_ws_peer_identity_is_limited().
struct onem2m_ws_text onem2m_ws_peer_identity_entity(const struct onem2m_ws_peer_identity *identity, size_t index);

// True if it speaks for the entities of onem2m_ws_peer_identity_entity() alone; false if the credential does not say, so that it may
// speak for any that belongs to nobody else.
bool onem2m_ws_peer_identity_is_limited(const struct onem2m_ws_peer_identity *identity);

// When the credential ends, in milliseconds since 1970 (UTC); -1 if it does not.
int64_t onem2m_ws_peer_identity_not_after_ms(const struct onem2m_ws_peer_identity *identity);

// All of it as a JSON object, to be logged: {"framework":"certificate","principal":...,"names":[...],"entities":[...],
// "not_after_ms":...}. `entities` and `not_after_ms` may be null.
struct onem2m_ws_text onem2m_ws_peer_identity_to_json(const struct onem2m_ws_peer_identity *identity);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* ONEM2M_WS_H */
