import CRAHF
import RewardModel
import Testing

@Suite struct CallbackTests {
    /// What a callback was told, behind its `user`.
    final class Record {
        var lines: [(level: Int32, text: String)] = []
        var progress: [[Int]] = []
        var stopAfter = Int.max

        var pointer: UnsafeMutableRawPointer { Unmanaged.passUnretained(self).toOpaque() }

        static func from(_ user: UnsafeMutableRawPointer?) -> Record? {
            user.map { Unmanaged<Record>.fromOpaque($0).takeUnretainedValue() }
        }
    }

    @Test func theLogIsToldOfLoadingScoringAndFailing() throws {
        let record = Record()
        let options = rahf_model_options_new()
        defer { rahf_model_options_free(options) }
        let log: rahf_log_callback = { level, message, user in
            Record.from(user)?.lines.append((level, message.map { String(cString: $0) } ?? ""))
        }
        #expect(rahf_model_options_set_log(options, log, record.pointer) == Library.ok)
        try withExtendedLifetime(record) {
            try Library.withModel(Library.folder, options) { model in
                let digest = String(cString: rahf_model_digest(model))
                #expect(record.lines.contains { $0.level == Int32(RAHF_LOG_INFO) && $0.text.contains(digest) })
                #expect(record.lines.contains { $0.level == Int32(RAHF_LOG_WARNING) && $0.text.contains("trained") })
                try Library.withRequest { request in
                    #expect(Library.add(request, [1, 2, 3], "a cat") == Library.ok)
                    try Library.withResult(model, request) { _ in }
                }
                #expect(record.lines.last?.level == Int32(RAHF_LOG_DEBUG))
                #expect(record.lines.last?.text.contains("1 of them failed") == true)
            }
            var model: OpaquePointer?
            #expect(rahf_model_load("/nowhere", options, &model) != Library.ok)
            #expect(record.lines.last?.level == Int32(RAHF_LOG_ERROR))
            #expect(record.lines.allSatisfy { !$0.text.contains("\n") })
            // Taken away, it is silent.
            let count = record.lines.count
            #expect(rahf_model_options_set_log(options, nil, nil) == Library.ok)
            try Library.withModel(Library.folder, options) { _ in }
            #expect(record.lines.count == count)
        }
    }

    @Test func cancellingKeepsWhatIsDoneAndStopsTheRest() throws {
        let record = Record()
        let options = rahf_model_options_new()
        defer { rahf_model_options_free(options) }
        #expect(rahf_model_options_set_max_batch(options, 2) == Library.ok)
        let cancel: rahf_cancel_callback = { done, count, user in
            guard let record = Record.from(user) else { return 1 }
            record.progress.append([done, count])
            return done >= record.stopAfter ? 1 : 0
        }
        try withExtendedLifetime(record) {
            try Library.withModel(Library.folder, options) { model in
                try Library.withRequest { request in
                    let file = try Library.bytes(Library.picture)
                    for _ in 0..<5 { #expect(Library.add(request, file, "a cat", RAHF_OUTPUT_SCORES) == Library.ok) }
                    #expect(rahf_request_set_cancel(request, cancel, record.pointer) == Library.ok)
                    try Library.withResult(model, request) { result in
                        #expect((0..<5).allSatisfy { rahf_result_status(result, $0) == Library.ok })
                    }
                    #expect(record.progress == [[0, 5], [2, 5], [4, 5]])
                    record.stopAfter = 2
                    try Library.withResult(model, request) { result in
                        let cancelled = rahf_status(RAHF_STATUS_CANCELLED)
                        let expected = [Library.ok, Library.ok, cancelled, cancelled, cancelled]
                        #expect((0..<5).map { rahf_result_status(result, $0) } == expected)
                    }
                    #expect(rahf_request_set_cancel(request, nil, nil) == Library.ok)
                    try Library.withResult(model, request) { result in
                        #expect(rahf_result_status(result, 4) == Library.ok)
                    }
                }
            }
        }
    }

    @Test func gradientsCanBeCancelledOneByOne() throws {
        let record = Record()
        let cancel: rahf_cancel_callback = { done, count, user in
            Record.from(user)?.progress.append([done, count])
            return 0
        }
        let objective = rahf_objective_new()
        defer { rahf_objective_free(objective) }
        #expect(rahf_objective_set_score_weight(objective, 0, 1) == Library.ok)
        try withExtendedLifetime(record) {
            try Library.withModel { model in
                try Library.withRequest { request in
                    let file = try Library.bytes(Library.picture)
                    #expect(Library.add(request, file, "a cat", RAHF_OUTPUT_SCORES) == Library.ok)
                    #expect(Library.add(request, file, "a cat", RAHF_OUTPUT_SCORES) == Library.ok)
                    #expect(Library.add(request, file, "a cat", 0, objective) == Library.ok)
                    #expect(Library.add(request, file, "a cat", 0, objective) == Library.ok)
                    #expect(Library.add(request, file, "a cat", RAHF_OUTPUT_SCORES) == Library.ok)
                    #expect(rahf_request_set_cancel(request, cancel, record.pointer) == Library.ok)
                    try Library.withResult(model, request) { result in
                        #expect((0..<5).allSatisfy { rahf_result_status(result, $0) == Library.ok })
                    }
                    #expect(record.progress == [[0, 5], [2, 5], [3, 5], [4, 5]])
                }
            }
        }
    }
}
