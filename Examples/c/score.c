/*
 * Scores an image file and writes its implausibility heatmap as a PGM picture, white where the image is implausible.
 *
 *     cc score.c $(pkg-config --cflags --libs rahf) -o score
 *     ./score MODEL_FOLDER IMAGE PROMPT HEATMAP.pgm
 *
 * Prints the scores, the misaligned words, the notes, and how long the plausibility's gradient is.
 */
#include <rahf.h>
#include <stdio.h>
#include <stdlib.h>

static void stop(const char *what, const char *why)
{
    fprintf(stderr, "%s: %s\n", what, why);
    exit(1);
}

static void check(rahf_status status, const char *what)
{
    if (status != RAHF_STATUS_OK) {
        fprintf(stderr, "%s\n", rahf_status_name(status));
        stop(what, rahf_last_error());
    }
}

static void *read_file(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    char *bytes = NULL;
    size_t room = 0;
    *size = 0;
    if (!file) stop(path, "cannot open it");
    do {
        char *larger = realloc(bytes, room += 1 << 16);
        if (!larger) stop(path, "out of memory");
        bytes = larger;
        *size += fread(bytes + *size, 1, room - *size, file);
    } while (*size == room);
    if (ferror(file)) stop(path, "cannot read it");
    fclose(file);
    return bytes;
}

static void write_heatmap(const char *path, const float *values, uint32_t width, uint32_t height)
{
    FILE *file = fopen(path, "wb");
    size_t i;
    if (!file) stop(path, "cannot write it");
    fprintf(file, "P5\n%u %u\n255\n", (unsigned)width, (unsigned)height);
    for (i = 0; i < (size_t)width * height; i++) fputc((int)(values[i] * 255 + 0.5f), file);
    if (fclose(file) != 0) stop(path, "cannot write it");
}

static void on_log(int32_t level, const char *message, void *user)
{
    (void)user;
    if (level >= RAHF_LOG_INFO) fprintf(stderr, "rahf: %s\n", message);
}

int main(int argc, char **argv)
{
    static const char *const names[] = {"plausibility", "alignment", "aesthetics", "overall"};
    rahf_model_options *options = rahf_model_options_new();
    rahf_objective *objective = rahf_objective_new();
    rahf_request *request = rahf_request_new();
    rahf_model *model = NULL;
    rahf_result *result = NULL;
    const float *heatmap;
    uint32_t width, height;
    float scores[4], value, norm;
    size_t size, i;
    void *bytes;

    if (argc != 5) stop("usage", "score MODEL_FOLDER IMAGE PROMPT HEATMAP.pgm");
    if (rahf_abi_version() < RAHF_ABI_VERSION) stop("librahf", "it is older than this program");

    check(rahf_model_options_set_log(options, on_log, NULL), "options");
    check(rahf_model_load(argv[1], options, &model), argv[1]);
    rahf_model_options_free(options);

    bytes = read_file(argv[2], &size);
    check(rahf_objective_set_score_weight(objective, RAHF_SCORE_PLAUSIBILITY, 1), "objective");
    check(rahf_request_add_encoded(request, bytes, size, argv[3], RAHF_NUL_TERMINATED, RAHF_OUTPUT_ALL, objective),
          argv[2]);
    free(bytes);
    rahf_objective_free(objective);

    check(rahf_score(model, request, &result), "score");
    rahf_request_free(request);
    if (rahf_result_status(result, 0) != RAHF_STATUS_OK) stop(argv[2], rahf_result_message(result, 0));

    check(rahf_result_scores(result, 0, scores), "scores");
    for (i = 0; i < 4; i++) printf("%-13s %.9g\n", names[i], (double)scores[i]);
    for (i = 0; i < rahf_result_word_count(result, 0); i++) {
        const char *word;
        size_t start, end;
        int32_t misaligned;
        check(rahf_result_word(result, 0, i, &word, &start, &end, &misaligned), "word");
        if (misaligned) printf("misaligned    %s, bytes %lu to %lu\n", word, (unsigned long)start, (unsigned long)end);
    }
    for (i = 0; i < rahf_result_note_count(result, 0); i++) {
        const char *kind;
        check(rahf_result_note(result, 0, i, &kind, NULL, NULL), "note");
        printf("note          %s\n", kind);
    }
    check(rahf_result_gradient(result, 0, NULL, &width, &height, &value, &norm), "gradient");
    printf("gradient      norm %.9g, %ux%u\n", (double)norm, (unsigned)width, (unsigned)height);
    check(rahf_result_heatmap(result, 0, RAHF_HEATMAP_IMPLAUSIBILITY, &heatmap, &width, &height), "heatmap");
    write_heatmap(argv[4], heatmap, width, height);
    printf("model         %s\n", rahf_result_model_digest(result));

    rahf_result_free(result);
    rahf_model_free(model);
    return 0;
}
