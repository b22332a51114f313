"""Compares what librahf.so and the command line say about the same images, bit for bit.

usage: same_bits.py RAHF_COMMAND LIBRARY MODEL_FOLDER WORK_FOLDER IMAGE...

Scores, heatmaps, words, decoded text, notes and gradients, from files. Needs Python's standard library only.
"""

import importlib.util
import json
import os
import pathlib
import struct
import subprocess
import sys
from ctypes import POINTER, byref, c_char_p, c_float, c_int32, c_size_t, c_uint32, c_void_p

PROMPTS = ["a yellow cat, on a mat", "an astronaut in an orange suit beside a flag", "cup"]
OBJECTIVE = "plausibility=1,overall=-0.5"


def load_example(library):
    """The checked-in ctypes example is the client."""
    os.environ["RAHF_LIBRARY"] = library
    path = pathlib.Path(__file__).parents[2] / "Examples/c/score.py"
    spec = importlib.util.spec_from_file_location("example", path)
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    return example


def floats(values):
    """Bits of float32 numbers, however they were written."""
    return struct.pack(f"<{len(values)}f", *values)


def npy(path):
    data = pathlib.Path(path).read_bytes()
    return data[10 + int.from_bytes(data[8:10], "little") :]


def through_c(c, folder, image, prompt):
    model, result = c_void_p(), c_void_p()
    c.check(c.model_load(os.fsencode(folder), None, byref(model)))
    request, objective = c.request_new(), c.objective_new()
    c.check(c.objective_set_score_weight(objective, 0, 1.0))
    c.check(c.objective_set_score_weight(objective, 3, -0.5))
    data, text = pathlib.Path(image).read_bytes(), prompt.encode()
    c.check(c.request_add_encoded(request, data, len(data), text, len(text), 7, objective))
    c.check(c.score(model, request, byref(result)))
    answer = c.answer(result, 0)
    heatmap = c.declare(
        "rahf_result_heatmap", c_int32, c_void_p, c_size_t, c_int32, POINTER(POINTER(c_float)), POINTER(c_uint32),
        POINTER(c_uint32),
    )  # fmt: skip
    decoded = c.declare("rahf_result_decoded_text", c_char_p, c_void_p, c_size_t)
    values, width, height = POINTER(c_float)(), c_uint32(), c_uint32()
    found = {
        "scores": floats(list(answer["scores"].values())),
        "words": [(word["word"], word["misaligned"]) for word in answer["words"]],
        "decoded": decoded(result, 0).decode(),
        "notes": sorted(note[0] for note in answer["notes"]),
    }
    for number, name in ((1, "implausibility"), (2, "misalignment")):
        c.check(heatmap(result, 0, number, byref(values), byref(width), byref(height)))
        found[name] = floats(values[: width.value * height.value])
    objective_value, norm = c_float(), c_float()
    c.check(
        c.result_gradient(
            result, 0, byref(values), byref(width), byref(height), byref(objective_value), byref(norm)
        )
    )
    found["gradient"] = floats(values[: 3 * width.value * height.value])
    found["objective"] = floats([objective_value.value, norm.value])
    c.result_free(result)
    c.objective_free(objective)
    c.request_free(request)
    c.model_free(model)
    return found


def through_commands(rahf, folder, image, prompt, work):
    line = subprocess.run(
        [rahf, "score", "--model", folder, "--prompt", prompt, "--format", "json", "--heatmaps-to", work,
         "--heatmap-format", "npy", image],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    answer = json.loads(line)
    gradient = json.loads(
        subprocess.run(
            [rahf, "gradient", "--model", folder, "--prompt", prompt, "--of", OBJECTIVE, "--out", f"{work}/g.npy",
             image],
            check=True, capture_output=True, text=True,
        ).stdout
    )  # fmt: skip
    stem = pathlib.Path(image).stem
    return {
        "scores": floats([answer["scores"][name] for name in ("plausibility", "alignment", "aesthetics", "overall")]),
        "words": [(word["word"], word["misaligned"]) for word in answer["words"]],
        "decoded": answer["decoded_text"],
        "notes": sorted(note["kind"] for note in answer["notes"]),
        "implausibility": npy(f"{work}/{stem}.implausibility.npy"),
        "misalignment": npy(f"{work}/{stem}.misalignment.npy"),
        "gradient": npy(f"{work}/g.npy"),
        "objective": floats([gradient["objective"], gradient["norm"]]),
    }


def main(rahf, library, folder, work, *images):
    os.makedirs(work, exist_ok=True)
    example = load_example(library)
    different = 0
    for image in images:
        for prompt in PROMPTS:
            c = through_c(example, folder, image, prompt)
            command = through_commands(rahf, folder, image, prompt, work)
            for name in c:
                if c[name] != command[name]:
                    print(f"{image}, '{prompt}': {name} differs between C and the command line")
                    different += 1
    if different:
        sys.exit(1)
    print(f"{len(images)} images, {len(PROMPTS)} prompts: C and the command line give the same bits")


if __name__ == "__main__":
    main(*sys.argv[1:])
