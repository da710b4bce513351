// Runs one test by its name, or lists them; "registrar" runs our registrar until standard input ends, "secure-registrar" one
// that speaks wss.
#include "test.h"

#include <unistd.h>

static const test *const all[] = {tests_api,     tests_bad_input, tests_exchange, tests_callbacks,
                                  tests_process, tests_formats,   tests_life,     tests_outbox,
                                  tests_registrar, tests_tls};

int main(int count, char **arguments) {
    size_t i;
    const test *t;
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (count == 2 && strcmp(arguments[1], "registrar") == 0) {
        puts(registrar_url());
        while (getchar() != EOF) continue;
        return 0;
    }
    if (count == 2 && strcmp(arguments[1], "secure-registrar") == 0) {
        puts(secure_registrar_url());
        while (getchar() != EOF) continue;
        return 0;
    }
    for (i = 0; i < sizeof all / sizeof *all; i++) {
        for (t = all[i]; t->name != NULL; t++) {
            if (count < 2) {
                printf("%s\n", t->name);
            } else if (strcmp(t->name, arguments[1]) == 0) {
                // A test that hangs ends by SIGALRM, which its runner reports.
                alarm(60);
                t->run();
                return 0;
            }
        }
    }
    return count < 2 ? 0 : 2;
}
