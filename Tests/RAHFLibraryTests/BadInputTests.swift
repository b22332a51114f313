import CRAHF
import Glibc
import RewardModel
import Testing

/// Nothing traps: every wrong argument is answered with a status and a message.
@Suite struct BadInputTests {
    @Test func everyStatusHasItsProtocolName() {
        for code in FailureCode.allCases {
            let name = code == .internalError ? "INTERNAL" : code.rawValue.uppercased()
            let numbers = (1...21).filter { String(cString: rahf_status_name($0)) == name }
            #expect(numbers.count == 1, "\(name)")
            #expect(numbers.allSatisfy { rahf_status_is_retryable($0) == (code.isRetryable ? 1 : 0) })
        }
        #expect(String(cString: rahf_status_name(Library.ok)) == "OK")
        #expect(Set((1...21).map { String(cString: rahf_status_name($0)) }).count == 21)
        for number: Int32 in [.min, -1, 0, 22, .max] {
            #expect(String(cString: rahf_status_name(number)) == "UNKNOWN")
            #expect(rahf_status_is_retryable(number) == 0)
        }
        #expect(rahf_status_is_retryable(rahf_status(RAHF_STATUS_UNAVAILABLE)) == 1)
        #expect(rahf_abi_version() == UInt32(RAHF_ABI_VERSION))
        #expect(!String(cString: rahf_version_string()).isEmpty)
    }

    @Test func nullHandlesAreFreedAndReadAsNothing() {
        rahf_model_options_free(nil)
        rahf_model_free(nil)
        rahf_objective_free(nil)
        rahf_request_free(nil)
        rahf_result_free(nil)
        #expect(
            [
                rahf_model_name(nil), rahf_model_digest(nil), rahf_result_model_digest(nil),
                rahf_result_message(nil, 0), rahf_result_decoded_text(nil, 0),
            ].allSatisfy { $0.map { String(cString: $0) } == "" })
        #expect(rahf_model_is_trained(nil) == 0)
        #expect(rahf_model_parameter_count(nil) == 0)
        #expect(rahf_model_input_size(nil) == 0)
        #expect(rahf_model_heatmap_size(nil) == 0)
        #expect(rahf_request_count(nil) == 0)
        #expect(rahf_result_count(nil) == 0)
        #expect(rahf_result_word_count(nil, 0) == 0)
        #expect(rahf_result_note_count(nil, 0) == 0)
        #expect(rahf_result_status(nil, 0) == Library.invalidRequest)
    }

    @Test func nullArgumentsAreRefused() throws {
        let objective = rahf_objective_new()
        let request = rahf_request_new()
        defer {
            rahf_objective_free(objective)
            rahf_request_free(request)
        }
        var pixels = Library.pixels(nil, 12, width: 2, height: 2)
        var handle: OpaquePointer?
        try Library.withModel { model in
            let statuses = [
                rahf_model_options_set_threads(nil, 1), rahf_model_options_set_max_batch(nil, 1),
                rahf_model_options_set_precision(nil, 1),
                rahf_model_options_set_log(nil, nil, nil), rahf_model_load(nil, nil, &handle),
                rahf_model_load("/nowhere", nil, nil),
                rahf_model_load_memory(nil, 1, nil, 1, nil, 1, nil, nil, nil, &handle),
                rahf_model_load_memory("a", 1, nil, 1, "b", 1, nil, nil, nil, &handle),
                rahf_objective_set_score_weight(nil, 0, 1),
                rahf_objective_add_heatmap_term(nil, 1, 1, 1, nil, 0, 0),
                rahf_objective_add_heatmap_term(objective, 1, 1, 1, nil, 4, 4),
                rahf_request_add_encoded(nil, "a", 1, "a", 1, 1, nil),
                rahf_request_add_encoded(request, nil, 1, "a", 1, 1, nil),
                rahf_request_add_encoded(request, "a", 1, nil, 1, 1, nil),
                rahf_request_add_encoded(request, "a", 0, "a", 1, 1, nil),
                rahf_request_add_pixels(nil, &pixels, "a", 1, 1, nil),
                rahf_request_add_pixels(request, nil, "a", 1, 1, nil),
                rahf_request_add_pixels(request, &pixels, "a", 1, 1, nil),
                rahf_request_set_cancel(nil, nil, nil), rahf_score(nil, request, &handle),
                rahf_score(model, nil, &handle), rahf_score(model, request, nil),
                // Without items.
                rahf_score(model, request, &handle),
                rahf_result_scores(nil, 0, nil), rahf_result_heatmap(nil, 0, 1, nil, nil, nil),
                rahf_result_word(nil, 0, 0, nil, nil, nil, nil), rahf_result_word_code_points(nil, 0, 0, nil, nil),
                rahf_result_gradient(nil, 0, nil, nil, nil, nil, nil), rahf_result_note(nil, 0, 0, nil, nil, nil),
            ]
            for (index, status) in statuses.enumerated() {
                #expect(status == Library.invalidRequest, "call \(index): \(Library.lastError)")
            }
            #expect(handle == nil)
            #expect(rahf_request_count(request) == 0)
        }
    }

    @Test func anotherKindOfHandleIsFoundOut() throws {
        let request = rahf_request_new()
        defer { rahf_request_free(request) }
        var result: OpaquePointer?
        #expect(rahf_score(request, request, &result) == Library.invalidRequest)
        #expect(Library.lastError == "the handle is no rahf_model")
        #expect(rahf_result_count(request) == 0)
        #expect(rahf_result_scores(request, 0, nil) == Library.invalidRequest)
        #expect(rahf_request_add_encoded(request, "a", 1, "a", 1, 1, request) == Library.invalidRequest)
        #expect(rahf_model_load(Library.folder, request, &result) == Library.invalidRequest)
    }

    @Test func unknownNumbersAreNamed() throws {
        let objective = rahf_objective_new()
        let request = rahf_request_new()
        defer {
            rahf_objective_free(objective)
            rahf_request_free(request)
        }
        for number: Int32 in [.min, -1, 3, 4, .max] {
            #expect(
                rahf_objective_add_heatmap_term(objective, number, 1, 1, nil, 0, 0) == Library.invalidRequest)
            #expect(Library.lastError.contains("\(number)"))
            #expect(
                rahf_objective_add_heatmap_term(objective, 1, number, 1, nil, 0, 0) == Library.invalidRequest)
            if number != 3 {
                #expect(rahf_objective_set_score_weight(objective, number, 1) == Library.invalidRequest)
            }
        }
        for weight: Float in [.nan, .infinity, -.infinity] {
            #expect(rahf_objective_set_score_weight(objective, 0, weight) == Library.invalidRequest)
            #expect(rahf_objective_add_heatmap_term(objective, 1, 1, weight, nil, 0, 0) == Library.invalidRequest)
        }
        for (normalize, clip) in [
            (Int32.min, Float(0)), (-1, 0), (3, 0), (.max, 0), (0, -1), (0, .nan), (0, .infinity),
        ] {
            #expect(
                rahf_objective_set_gradient_scaling(objective, normalize, clip) == Library.invalidRequest)
        }
        #expect(rahf_objective_set_gradient_scaling(nil, 0, 0) == Library.invalidRequest)
        for outputs: UInt32 in [0, 8, 255, 256, .max] {
            #expect(rahf_request_add_encoded(request, "a", 1, "a", 1, outputs, nil) == Library.invalidRequest)
        }
        for number: UInt32 in [0, 4, .max] {
            var pixels = Library.pixels("abcdefghijkl", 12, type: Int(number), width: 2, height: 2)
            #expect(rahf_request_add_pixels(request, &pixels, "a", 1, 1, nil) == Library.invalidRequest)
            pixels = Library.pixels("abcdefghijkl", 12, layout: Int(number), width: 2, height: 2)
            #expect(rahf_request_add_pixels(request, &pixels, "a", 1, 1, nil) == Library.invalidRequest)
        }
        #expect(rahf_request_count(request) == 0)
    }

    @Test func sizesBeyondReasonAreRefusedBeforeAnythingIsRead() throws {
        let request = rahf_request_new()
        let objective = rahf_objective_new()
        defer {
            rahf_request_free(request)
            rahf_objective_free(objective)
        }
        // Pointers to nothing: reading them would crash.
        let nowhere = UnsafeRawPointer(bitPattern: 1)
        for size in [Int.max, -1, -2, 257 << 20] {
            #expect(rahf_request_add_encoded(request, nowhere, size, "a", 1, 1, nil) == Library.tooLarge)
        }
        for (width, height) in [(UInt32.max, UInt32.max), (16_385, 1), (1, 16_385), (16_384, 16_384)] {
            var pixels = Library.pixels(nowhere, .max, width: Int(width), height: Int(height))
            #expect(rahf_request_add_pixels(request, &pixels, "a", 1, 1, nil) == Library.tooLarge)
            let mask = nowhere?.assumingMemoryBound(to: Float.self)
            #expect(
                rahf_objective_add_heatmap_term(objective, 1, 1, 1, mask, width, height) == Library.tooLarge)
        }
        for stride in [-1, Int.min, Int.max, 1] {
            for field in [\rahf_pixels.row_stride, \.pixel_stride, \.plane_stride] {
                var pixels = Library.pixels(nowhere, 1000, layout: RAHF_LAYOUT_CHW, width: 4, height: 4)
                pixels[keyPath: field] = stride
                // A pixel stride of 1 is what tight 8-bit planes have.
                if stride == 1, field == \rahf_pixels.pixel_stride { continue }
                #expect(rahf_request_add_pixels(request, &pixels, "a", 1, 1, nil) == Library.invalidRequest)
            }
        }
        // A prompt that claims all memory is the item's own failure, and is not read.
        let file = try Library.bytes(Library.picture)
        #expect(rahf_request_add_encoded(request, file, file.count, "a", .max, 1, nil) == Library.ok)
        #expect(rahf_request_add_encoded(request, file, file.count, "a", -2, 1, nil) == Library.ok)
        try Library.withModel { model in
            try Library.withResult(model, try #require(request)) { result in
                for item in 0..<2 {
                    #expect(rahf_result_status(result, item) == rahf_status(RAHF_STATUS_PROMPT_TOO_LONG))
                }
            }
        }
    }

    @Test func aStructOfAnotherVersionIsReadByItsSize() {
        let request = rahf_request_new()
        defer { rahf_request_free(request) }
        let samples = [UInt8](repeating: 9, count: 12)
        samples.withUnsafeBytes { raw in
            let size = MemoryLayout<rahf_pixels>.size
            let memory = UnsafeMutableRawPointer.allocate(byteCount: size + 16, alignment: 16)
            defer { memory.deallocate() }
            memory.initializeMemory(as: UInt8.self, repeating: 0, count: size + 16)
            func add(_ structSize: Int, _ later: UInt8) -> rahf_status {
                var pixels = Library.pixels(raw.baseAddress, raw.count, width: 2, height: 2)
                pixels.struct_size = structSize
                memory.storeBytes(of: pixels, as: rahf_pixels.self)
                memory.storeBytes(of: later, toByteOffset: size + 8, as: UInt8.self)
                return rahf_request_add_pixels(
                    request, memory.assumingMemoryBound(to: rahf_pixels.self), "a", 1, 1, nil)
            }
            #expect(add(size, 0) == Library.ok)
            #expect(add(size + 16, 0) == Library.ok)
            #expect(add(size + 16, 1) == rahf_status(RAHF_STATUS_UNSUPPORTED_VERSION))
            for structSize in [0, 1, size - 1, 1 << 20, -1, Int.max] {
                #expect(add(structSize, 0) == Library.invalidRequest)
            }
        }
    }

    @Test func indicesOutOfRangeAndOutputsNotAskedForAreRefused() throws {
        try Library.withFullResult { result in
            for index in [1, 2, Int.max, -1, Int.min] {
                #expect(rahf_result_status(result, index) == Library.invalidRequest)
                #expect(rahf_result_scores(result, index, nil) == Library.invalidRequest)
                #expect(rahf_result_heatmap(result, index, 1, nil, nil, nil) == Library.invalidRequest)
                #expect(rahf_result_word(result, index, 0, nil, nil, nil, nil) == Library.invalidRequest)
                #expect(rahf_result_gradient(result, index, nil, nil, nil, nil, nil) == Library.invalidRequest)
                #expect(rahf_result_note(result, index, 0, nil, nil, nil) == Library.invalidRequest)
                #expect(rahf_result_word_count(result, index) == 0)
                #expect(rahf_result_note_count(result, index) == 0)
                #expect(String(cString: rahf_result_message(result, index)) == "")
                #expect(String(cString: rahf_result_decoded_text(result, index)) == "")
            }
            for index in [3, Int.max, -1] {
                #expect(rahf_result_word(result, 0, index, nil, nil, nil, nil) == Library.invalidRequest)
                #expect(rahf_result_word_code_points(result, 0, index, nil, nil) == Library.invalidRequest)
                #expect(rahf_result_note(result, 0, index, nil, nil, nil) == Library.invalidRequest)
            }
            for kind: Int32 in [.min, 0, 3, .max] {
                #expect(rahf_result_heatmap(result, 0, kind, nil, nil, nil) == Library.invalidRequest)
            }
            #expect(rahf_result_gradient(result, 0, nil, nil, nil, nil, nil) == Library.invalidRequest)
            #expect(Library.lastError == "the item did not ask for a gradient")
            // Out parameters that are not wanted.
            #expect(rahf_result_scores(result, 0, nil) == Library.ok)
            #expect(rahf_result_heatmap(result, 0, 1, nil, nil, nil) == Library.ok)
        }
    }

    @Test func theLastErrorBelongsToItsThread() throws {
        #expect(rahf_model_options_set_threads(nil, 1) == Library.invalidRequest)
        let mine = Library.lastError
        #expect(mine == "the rahf_model_options is NULL")
        var thread = pthread_t()
        let code = pthread_create(
            &thread, nil,
            { _ in
                let before = String(cString: rahf_last_error())
                _ = rahf_request_set_cancel(nil, nil, nil)
                let after = String(cString: rahf_last_error())
                return UnsafeMutableRawPointer(bitPattern: before == "" && after == "the rahf_request is NULL" ? 1 : 2)
            }, nil)
        try #require(code == 0)
        var outcome: UnsafeMutableRawPointer?
        pthread_join(thread, &outcome)
        #expect(outcome == UnsafeMutableRawPointer(bitPattern: 1))
        #expect(Library.lastError == mine)
        // A call that succeeds leaves the message alone.
        let options = rahf_model_options_new()
        #expect(rahf_model_options_set_threads(options, 1) == Library.ok)
        rahf_model_options_free(options)
        #expect(Library.lastError == mine)
    }
}
