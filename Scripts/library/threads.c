/*
 * Eight threads on one model, 1,000 calls each: every answer must have the bits of the first, and every error message
 * must be the thread's own.
 *
 *     threads MODEL_FOLDER IMAGE
 */
#include <pthread.h>
#include <rahf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS = 8, CALLS = 1000, KINDS = 3 };

static rahf_model *model;
static rahf_request *requests[KINDS];
static float expected[KINDS][5];

static void fail(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, rahf_last_error());
    exit(1);
}

/* Four scores, and the sum of a heatmap or the norm of a gradient where the request has one. */
static void score(int kind, float values[5])
{
    rahf_result *result = NULL;
    const float *map;
    uint32_t width, height, i;
    if (rahf_score(model, requests[kind], &result) != RAHF_STATUS_OK) fail("rahf_score");
    if (rahf_result_scores(result, 0, values) != RAHF_STATUS_OK) fail("rahf_result_scores");
    values[4] = 0;
    if (rahf_result_heatmap(result, 0, RAHF_HEATMAP_MISALIGNMENT, &map, &width, &height) == RAHF_STATUS_OK)
        for (i = 0; i < width * height; i++) values[4] += map[i];
    else
        rahf_result_gradient(result, 0, NULL, NULL, NULL, NULL, &values[4]);
    rahf_result_free(result);
}

static void *work(void *argument)
{
    int thread = *(int *)argument;
    char message[64];
    int call;
    snprintf(message, sizeof message, "threads is %d, not in 1...256", -thread);
    for (call = 0; call < CALLS; call++) {
        float values[5];
        int kind = (thread + call) % KINDS;
        rahf_model_options *options;
        score(kind, values);
        if (memcmp(values, expected[kind], sizeof values) != 0) fail("a call has other bits");
        if (kind == 0 && strcmp(rahf_last_error(), "the item did not ask for a gradient") != 0) fail("another's error");
        options = rahf_model_options_new();
        rahf_model_options_set_threads(options, -thread);
        rahf_model_options_free(options);
        if (strcmp(rahf_last_error(), message) != 0) fail("another thread's error");
    }
    return NULL;
}

int main(int argc, char **argv)
{
    static char bytes[1 << 20];
    pthread_t threads[THREADS];
    int numbers[THREADS], i;
    size_t size;
    rahf_objective *objective = rahf_objective_new();
    FILE *file = argc == 3 ? fopen(argv[2], "rb") : NULL;
    if (!file) return fputs("usage: threads MODEL_FOLDER IMAGE\n", stderr), 2;
    size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    if (rahf_model_load(argv[1], NULL, &model) != RAHF_STATUS_OK) fail("rahf_model_load");
    rahf_objective_set_score_weight(objective, RAHF_SCORE_OVERALL, 1);
    for (i = 0; i < KINDS; i++) {
        uint32_t outputs = RAHF_OUTPUT_SCORES | (i == 1 ? RAHF_OUTPUT_HEATMAPS | RAHF_OUTPUT_WORDS : 0);
        const char *prompt = i == 2 ? "a blue dog on a mat" : "a cat";
        requests[i] = rahf_request_new();
        if (rahf_request_add_encoded(requests[i], bytes, size, prompt, RAHF_NUL_TERMINATED, outputs,
                                     i == 2 ? objective : NULL) != RAHF_STATUS_OK)
            fail("rahf_request_add_encoded");
        score(i, expected[i]);
    }
    rahf_objective_free(objective);
    for (i = 0; i < THREADS; i++) {
        numbers[i] = i;
        if (pthread_create(&threads[i], NULL, work, &numbers[i]) != 0) fail("pthread_create");
    }
    for (i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    for (i = 0; i < KINDS; i++) rahf_request_free(requests[i]);
    rahf_model_free(model);
    printf("%d threads, %d calls each: all the same bits\n", THREADS, CALLS);
    return 0;
}
