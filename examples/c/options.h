/* The command line of the examples. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const char *url;      /* where the registrar is: ws://HOST:PORT */
    const char *preset;   /* what a known registrar asks for */
    const char *cse_name; /* the name of the registrar's CSEBase */
    int count;            /* readings to publish, or to act on */
    int interval_ms;      /* between two readings */
    int rest_after;       /* readings after which the actuator goes offline for a while; 0: it does not */
    int rest_ms;          /* for how long */
} options;

/* Ends the program if the command line is wrong. */
static options options_read(int argc, char **argv) {
    options o = {NULL, "default", "cse-in", 5, 200, 0, 1000};
    int i, wrong = argc < 2;
    if (!wrong) o.url = argv[1];
    for (i = 2; !wrong && i < argc; i += 2) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (value == NULL) wrong = 1;
        else if (strcmp(argv[i], "--preset") == 0) o.preset = value;
        else if (strcmp(argv[i], "--cse-name") == 0) o.cse_name = value;
        else if (strcmp(argv[i], "--count") == 0) o.count = atoi(value);
        else if (strcmp(argv[i], "--interval") == 0) o.interval_ms = (int)(atof(value) * 1000);
        else if (strcmp(argv[i], "--rest-after") == 0) o.rest_after = atoi(value);
        else if (strcmp(argv[i], "--rest") == 0) o.rest_ms = (int)(atof(value) * 1000);
        else wrong = 1;
    }
    if (wrong || o.count < 1 || o.interval_ms < 0 || o.rest_ms < 0) {
        fprintf(stderr,
                "usage: %s ws://HOST:PORT [--preset acme] [--cse-name NAME] [--count N] [--interval SECONDS]\n", argv[0]);
        exit(2);
    }
    return o;
}

#endif
