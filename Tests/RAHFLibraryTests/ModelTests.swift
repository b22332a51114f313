import CRAHF
import Glibc
import RewardModel
import RewardTestSupport
import TensorCPU
import Testing

@Suite struct ModelTests {
    @Test func aModelDescribesItself() throws {
        let info = try Predictor.load(folder: Library.folder).info
        try Library.withModel { model in
            #expect(String(cString: rahf_model_name(model)) == info.name)
            #expect(String(cString: rahf_model_digest(model)) == info.digest)
            #expect(rahf_model_is_trained(model) == (info.config.trained ? 1 : 0))
            #expect(rahf_model_parameter_count(model) == UInt64(info.parameterCount))
            #expect(rahf_model_input_size(model) == UInt32(info.config.image.size))
            #expect(rahf_model_heatmap_size(model) == UInt32(info.heatmapSize))
        }
        try Library.withFullResult { #expect(String(cString: rahf_result_model_digest($0)) == info.digest) }
    }

    /// Each precision gives the Swift predictor's bits and digest in it; what is no precision is refused and changes nothing.
    @Test(arguments: [
        (RAHF_PRECISION_FLOAT32, Precision.float32), (RAHF_PRECISION_BFLOAT16, .bfloat16), (RAHF_PRECISION_INT8, .int8),
    ])
    func thePrecisionIsWhatTheSetterSays(code: Int, precision: Precision) throws {
        // The shipped model: the fixtures' layers are too narrow to be rounded.
        let folder = "\(Fixtures.repository)/Models/rahf-mini"
        let swift = try Predictor.load(folder: folder, options: .init(precision: precision))
        let file = try Library.bytes(Library.picture)
        let expected = try swift.predict([
            PredictionItem(encodedImage: file, prompt: "a red cat", outputs: [.scores])
        ])[0].get()
        let options = rahf_model_options_new()
        defer { rahf_model_options_free(options) }
        #expect(rahf_model_options_set_precision(options, Int32(code)) == Library.ok)
        for wrong: Int32 in [-1, 3, .max] {
            #expect(rahf_model_options_set_precision(options, wrong) == Library.invalidRequest)
            #expect(Library.lastError.contains("precision is \(wrong)"))
        }
        try Library.withModel(folder, options) { model in
            #expect(String(cString: rahf_model_digest(model)) == swift.info.digest)
            #expect(
                String(cString: rahf_model_digest(model)).hasSuffix("+\(precision.rawValue)")
                    == (precision != .float32 && precision.isAvailable))
            try Library.withRequest { request in
                #expect(Library.add(request, file, "a red cat", RAHF_OUTPUT_SCORES) == Library.ok)
                try Library.withResult(model, request) { result in
                    let actual = try PredictionTests.prediction(result, 0)
                    #expect(actual.scores == expected.scores)
                    #expect(String(cString: rahf_result_model_digest(result)) == swift.info.digest)
                }
            }
        }
    }

    /// The weights at every alignment, as a caller's memory may have.
    @Test(arguments: 0..<4) func aModelFromMemoryIsTheModelInTheFolder(offset: Int) throws {
        let config = try Library.bytes("\(Library.folder)/config.json")
        let vocabulary = try Library.bytes("\(Library.folder)/spiece.model")
        let weights = try Library.bytes("\(Library.folder)/model.safetensors")
        let memory = UnsafeMutableRawPointer.allocate(byteCount: weights.count + offset, alignment: 64)
        (memory + offset).copyMemory(from: weights, byteCount: weights.count)
        // `release` frees the weights: reading them later would crash under a sanitizer and give other bits here.
        struct Released {
            var memory: UnsafeMutableRawPointer
            var count = 0
        }
        var released = Released(memory: memory)
        var model: OpaquePointer?
        try withUnsafeMutablePointer(to: &released) { state in
            let status = rahf_model_load_memory(
                config, config.count, memory + offset, weights.count, vocabulary, vocabulary.count,
                { user in
                    guard let state = user?.assumingMemoryBound(to: Released.self) else { return }
                    state.pointee.memory.deallocate()
                    state.pointee.count += 1
                }, state, nil, &model)
            try #require(status == Library.ok, "\(Library.lastError)")
            let file = try Library.bytes(Library.picture)
            func predict(_ model: OpaquePointer) throws -> Prediction {
                try Library.withRequest { request in
                    #expect(Library.add(request, file, "a cat") == Library.ok)
                    return try Library.withResult(model, request) { try PredictionTests.prediction($0, 0) }
                }
            }
            let loaded = try #require(model)
            let actual = try predict(loaded)
            try Library.withModel { folder in
                #expect(String(cString: rahf_model_digest(loaded)) == String(cString: rahf_model_digest(folder)))
                let expected = try predict(folder)
                #expect(actual == expected)
            }
            #expect(state.pointee.count == 0)
            rahf_model_free(loaded)
            #expect(state.pointee.count == 1)
        }
    }

    @Test func aModelThatCannotBeLoadedSaysWhyAndLeavesNoHandle() throws {
        let config = try Library.bytes("\(Library.folder)/config.json")
        let vocabulary = try Library.bytes("\(Library.folder)/spiece.model")
        let weights = try Library.bytes("\(Library.folder)/model.safetensors")
        func load(_ config: [UInt8], _ weights: [UInt8], _ vocabulary: [UInt8]) -> rahf_status {
            var model = OpaquePointer(bitPattern: 1)
            let status = rahf_model_load_memory(
                config, config.count, weights, weights.count, vocabulary, vocabulary.count,
                { _ in Issue.record("weights of a model that was not loaded were released") }, nil, nil, &model)
            #expect(model == nil)
            return status
        }
        let invalid = rahf_status(RAHF_STATUS_INVALID_MODEL)
        #expect(load(Array("{}".utf8), weights, vocabulary) == invalid)
        #expect(Library.lastError.contains("config.json"))
        #expect(load(config, Array(weights.dropLast(4)), vocabulary) == invalid)
        #expect(Library.lastError.contains("model.safetensors"))
        #expect(load(config, weights, Array("no vocabulary".utf8)) == invalid)
        #expect(Library.lastError.contains("spiece.model"))
        #expect(load([], weights, vocabulary) == Library.invalidRequest)

        var model = OpaquePointer(bitPattern: 1)
        #expect(rahf_model_load("/nowhere", nil, &model) == rahf_status(RAHF_STATUS_FILE_ERROR))
        #expect(model == nil)
        #expect(Library.lastError.contains("/nowhere"))
        for path in ["", "\u{0}"] { #expect(rahf_model_load(path, nil, &model) == Library.invalidRequest) }
        #expect(
            [CChar(bitPattern: 0xff), 0].withUnsafeBufferPointer {
                rahf_model_load($0.baseAddress, nil, &model)
            } == Library.invalidRequest)
    }

    @Test func optionsOutOfRangeAreRefused() {
        let options = rahf_model_options_new()
        defer { rahf_model_options_free(options) }
        for threads: Int32 in [.min, -1, 0, 257, .max] {
            #expect(rahf_model_options_set_threads(options, threads) == Library.invalidRequest)
            #expect(Library.lastError.contains("\(threads)"))
        }
        for items: Int32 in [.min, 0, 65, .max] {
            #expect(rahf_model_options_set_max_batch(options, items) == Library.invalidRequest)
        }
        #expect(rahf_model_options_set_threads(options, 1) == Library.ok)
        #expect(rahf_model_options_set_max_batch(options, 64) == Library.ok)
    }
}
