"""Scores image files through librahf.so with nothing but Python's standard library.

    python3 score.py MODEL_FOLDER PROMPT IMAGE...

Prints one JSON object a line: scores, words, the norm of the plausibility's gradient, notes, or why the image failed.
RAHF_LIBRARY names the library when the system does not find it.
"""

import ctypes
import json
import os
import sys
from ctypes import POINTER, byref, c_char_p, c_double, c_float, c_int32, c_size_t, c_uint32, c_void_p

OK = 1
OUTPUT_SCORES, OUTPUT_HEATMAPS, OUTPUT_WORDS = 1, 2, 4
SCORES = ("plausibility", "alignment", "aesthetics", "overall")

rahf = ctypes.CDLL(os.environ.get("RAHF_LIBRARY", "librahf.so.1"))


def declare(name, result, *arguments):
    """ctypes takes every undeclared argument for an int, which cuts pointers and sizes in half."""
    function = getattr(rahf, name)
    function.restype, function.argtypes = result, arguments
    return function


last_error = declare("rahf_last_error", c_char_p)
status_name = declare("rahf_status_name", c_char_p, c_int32)
model_load = declare("rahf_model_load", c_int32, c_char_p, c_void_p, POINTER(c_void_p))
model_free = declare("rahf_model_free", None, c_void_p)
model_digest = declare("rahf_model_digest", c_char_p, c_void_p)
objective_new = declare("rahf_objective_new", c_void_p)
objective_free = declare("rahf_objective_free", None, c_void_p)
objective_set_score_weight = declare("rahf_objective_set_score_weight", c_int32, c_void_p, c_int32, c_float)
request_new = declare("rahf_request_new", c_void_p)
request_free = declare("rahf_request_free", None, c_void_p)
request_add_encoded = declare(
    "rahf_request_add_encoded", c_int32, c_void_p, c_char_p, c_size_t, c_char_p, c_size_t, c_uint32, c_void_p
)
score = declare("rahf_score", c_int32, c_void_p, c_void_p, POINTER(c_void_p))
result_free = declare("rahf_result_free", None, c_void_p)
result_status = declare("rahf_result_status", c_int32, c_void_p, c_size_t)
result_message = declare("rahf_result_message", c_char_p, c_void_p, c_size_t)
result_scores = declare("rahf_result_scores", c_int32, c_void_p, c_size_t, POINTER(c_float))
result_word_count = declare("rahf_result_word_count", c_size_t, c_void_p, c_size_t)
result_word = declare(
    "rahf_result_word", c_int32, c_void_p, c_size_t, c_size_t, POINTER(c_char_p), c_void_p, c_void_p, POINTER(c_int32)
)
result_gradient = declare(
    "rahf_result_gradient", c_int32, c_void_p, c_size_t, POINTER(POINTER(c_float)), POINTER(c_uint32),
    POINTER(c_uint32), POINTER(c_float), POINTER(c_float),
)  # fmt: skip
result_note_count = declare("rahf_result_note_count", c_size_t, c_void_p, c_size_t)
result_note = declare(
    "rahf_result_note", c_int32, c_void_p, c_size_t, c_size_t, POINTER(c_char_p), POINTER(POINTER(c_double)),
    POINTER(c_size_t),
)  # fmt: skip


def check(status):
    if status != OK:
        raise RuntimeError(f"{status_name(status).decode()}: {last_error().decode()}")


def answer(result, item):
    """One item's answer as a dictionary."""
    status = result_status(result, item)
    if status != OK:
        return {"error": status_name(status).decode(), "message": result_message(result, item).decode()}
    scores = (c_float * 4)()
    check(result_scores(result, item, scores))
    words = []
    for index in range(result_word_count(result, item)):
        word, misaligned = c_char_p(), c_int32()
        check(result_word(result, item, index, byref(word), None, None, byref(misaligned)))
        words.append({"word": word.value.decode(), "misaligned": bool(misaligned.value)})
    values, width, height = POINTER(c_float)(), c_uint32(), c_uint32()
    objective, norm = c_float(), c_float()
    check(result_gradient(result, item, byref(values), byref(width), byref(height), byref(objective), byref(norm)))
    notes = []
    for index in range(result_note_count(result, item)):
        kind, numbers, count = c_char_p(), POINTER(c_double)(), c_size_t()
        check(result_note(result, item, index, byref(kind), byref(numbers), byref(count)))
        notes.append([kind.value.decode(), *numbers[: count.value]])
    return {"scores": dict(zip(SCORES, scores)), "words": words, "gradient_norm": norm.value, "notes": notes}


def main(folder, prompt, *images):
    model, result = c_void_p(), c_void_p()
    check(model_load(os.fsencode(folder), None, byref(model)))
    request, objective = request_new(), objective_new()
    check(objective_set_score_weight(objective, 0, 1.0))
    text = prompt.encode()
    for image in images:
        with open(image, "rb") as file:
            data = file.read()
        outputs = OUTPUT_SCORES | OUTPUT_WORDS
        check(request_add_encoded(request, data, len(data), text, len(text), outputs, objective))
    check(score(model, request, byref(result)))
    for item, image in enumerate(images):
        print(json.dumps({"image": image, **answer(result, item), "model": model_digest(model).decode()}))
    result_free(result)
    objective_free(objective)
    request_free(request)
    model_free(model)


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
