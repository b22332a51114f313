import CRAHF
import RewardImage
import RewardModel
import RewardTestSupport
import Testing

/// What C is told has the bits that Swift is told.
@Suite struct PredictionTests {
    static let models = [Library.folder, Library.decoderFolder]
    static let prompt = "a réd cat, on the 毛布"

    /// Everything C says about an item, as Swift's own value.
    static func prediction(_ result: OpaquePointer, _ item: Int) throws -> Prediction {
        var prediction = Prediction()
        var scores = [Float](repeating: -1, count: 4)
        if rahf_result_scores(result, item, &scores) == Library.ok {
            prediction.scores = Scores(
                plausibility: scores[0], alignment: scores[1], aesthetics: scores[2], overall: scores[3])
        }
        let kinds: [(Int, HeatmapKind)] = [
            (RAHF_HEATMAP_IMPLAUSIBILITY, .implausibility), (RAHF_HEATMAP_MISALIGNMENT, .misalignment),
        ]
        var (values, width, height): (UnsafePointer<Float>?, UInt32, UInt32) = (nil, 0, 0)
        for (number, kind) in kinds
        where rahf_result_heatmap(result, item, Int32(number), &values, &width, &height) == Library.ok {
            let map = UnsafeBufferPointer(start: values, count: Int(width) * Int(height))
            prediction.heatmaps = prediction.heatmaps ?? [:]
            prediction.heatmaps?[kind] = Heatmap(width: Int(width), height: Int(height), values: Array(map))
        }
        var (objective, norm): (Float, Float) = (0, 0)
        if rahf_result_gradient(result, item, &values, &width, &height, &objective, &norm) == Library.ok {
            let planes = UnsafeBufferPointer(start: values, count: 3 * Int(width) * Int(height))
            prediction.gradient = PixelGradient(
                width: Int(width), height: Int(height), objective: objective, values: Array(planes), norm: norm)
        }
        if let words = try words(result, item) {
            prediction.words = WordPrediction(
                words: words, decodedText: String(cString: rahf_result_decoded_text(result, item)))
        }
        return prediction
    }

    private static func words(_ result: OpaquePointer, _ item: Int) throws -> [PredictedWord]? {
        let count = rahf_result_word_count(result, item)
        if count == 0 { return nil }
        return try (0..<count).map { index in
            var word: UnsafePointer<CChar>?
            var (start, end, misaligned) = (0, 0, Int32(0))
            #expect(rahf_result_word(result, item, index, &word, nil, nil, &misaligned) == Library.ok)
            #expect(rahf_result_word_code_points(result, item, index, &start, &end) == Library.ok)
            return PredictedWord(
                word: String(cString: try #require(word)), start: start, end: end, misaligned: misaligned != 0)
        }
    }

    @Test(arguments: models) func everyOutputHasTheBitsOfTheSwiftPredictor(folder: String) throws {
        let file = try Library.bytes(Library.picture)
        let mask = Heatmap(width: 3, height: 2, values: [0, 1, 0.5, 0.25, 1, 0])
        let objective = Objective(
            scoreWeights: [.plausibility: 1, .overall: -0.5],
            heatmapTerms: [
                HeatmapTerm(heatmap: .implausibility, weight: -1, mask: mask),
                HeatmapTerm(heatmap: .misalignment, weight: 0.125, reduction: .mass),
            ])
        let item = try PredictionItem(encodedImage: file, prompt: Self.prompt, objective: objective)
        let expected = try Predictor.load(folder: folder).predict([item])[0].get()

        let handle = rahf_objective_new()
        defer { rahf_objective_free(handle) }
        #expect(rahf_objective_set_score_weight(handle, Int32(RAHF_SCORE_PLAUSIBILITY), 1) == Library.ok)
        #expect(rahf_objective_set_score_weight(handle, Int32(RAHF_SCORE_OVERALL), -0.5) == Library.ok)
        #expect(
            rahf_objective_add_heatmap_term(
                handle, Int32(RAHF_HEATMAP_IMPLAUSIBILITY), Int32(RAHF_REDUCTION_MEAN), -1, mask.values, 3, 2)
                == Library.ok)
        #expect(
            rahf_objective_add_heatmap_term(
                handle, Int32(RAHF_HEATMAP_MISALIGNMENT), Int32(RAHF_REDUCTION_MASS), 0.125, nil, 0, 0) == Library.ok)
        try Library.withModel(folder) { model in
            try Library.withRequest { request in
                #expect(Library.add(request, file, Self.prompt, RAHF_OUTPUT_ALL, handle) == Library.ok)
                try Library.withResult(model, request) { result in
                    #expect(rahf_result_status(result, 0) == Library.ok, "\(Library.lastError)")
                    var actual = try Self.prediction(result, 0)
                    actual.notes = expected.notes
                    #expect(actual == expected)
                }
            }
        }
    }

    /// The samples of one picture in each type and layout, tight and with gaps.
    @Test(arguments: [RAHF_TYPE_U8, RAHF_TYPE_F16, RAHF_TYPE_F32], [RAHF_LAYOUT_HWC, RAHF_LAYOUT_CHW])
    func pixelsOfEveryTypeLayoutAndStrideGiveTheBitsOfTheSamePicture(type: Int, layout: Int) throws {
        let (width, height) = (7, 5)
        let levels = (0..<width * height * 3).map { UInt8(truncatingIfNeeded: $0 * 37 + 11) }
        let floats = levels.map { type == RAHF_TYPE_F16 ? Float(Float16(Float($0) / 255)) : Float($0) / 255 }
        let image =
            type == RAHF_TYPE_U8
            ? Image(width: width, height: height, rgb: levels) : Image(width: width, height: height, rgb: floats)
        let item = PredictionItem(image: image, prompt: "two cats")
        var expected = try Predictor.load(folder: Library.folder).predict([item])[0].get()
        expected.notes = []

        let size = type == RAHF_TYPE_U8 ? 1 : type == RAHF_TYPE_F16 ? 2 : 4
        let planar = layout == RAHF_LAYOUT_CHW
        try Library.withModel { model in
            for gap in [0, 1, 3] {
                // Gaps of odd numbers of bytes: samples need no alignment.
                let pixelStride = (planar ? size : 3 * size) + gap
                let rowStride = (width - 1) * pixelStride + (planar ? size : 3 * size) + 2 * gap
                let planeStride = planar ? height * rowStride + 5 * gap : 0
                let channelStride = planar ? planeStride : size
                let total = (planar ? 2 * planeStride : 0) + height * rowStride - 2 * gap
                var memory = [UInt8](repeating: 0xff, count: total)
                for y in 0..<height {
                    for x in 0..<width {
                        for c in 0..<3 {
                            let at = y * rowStride + x * pixelStride + c * channelStride
                            let sample = (y * width + x) * 3 + c
                            memory.withUnsafeMutableBytes { raw in
                                switch type {
                                case RAHF_TYPE_U8: raw[at] = levels[sample]
                                case RAHF_TYPE_F16:
                                    raw.storeBytes(
                                        of: Float16(floats[sample]).bitPattern, toByteOffset: at, as: UInt16.self)
                                default: raw.storeBytes(of: floats[sample], toByteOffset: at, as: Float.self)
                                }
                            }
                        }
                    }
                }
                try memory.withUnsafeBytes { raw in
                    var pixels = Library.pixels(
                        raw.baseAddress, raw.count, type: type, layout: layout, width: width, height: height)
                    if gap > 0 {
                        (pixels.pixel_stride, pixels.row_stride, pixels.plane_stride) = (
                            pixelStride, rowStride, planeStride
                        )
                    }
                    try Library.withRequest { request in
                        let status = rahf_request_add_pixels(
                            request, &pixels, "two cats", Library.nulTerminated, UInt32(RAHF_OUTPUT_ALL), nil)
                        #expect(status == Library.ok, "gap \(gap): \(Library.lastError)")
                        // One byte less is refused and not read.
                        pixels.data_size -= 1
                        #expect(
                            rahf_request_add_pixels(
                                request, &pixels, "two cats", Library.nulTerminated, UInt32(RAHF_OUTPUT_ALL), nil)
                                == Library.invalidRequest)
                        try Library.withResult(model, request) { result in
                            let actual = try Self.prediction(result, 0)
                            #expect(actual == expected, "gap \(gap)")
                        }
                    }
                }
            }
        }
    }

    @Test func gradientsAreNormalisedAndThenClipped() throws {
        let file = try Library.bytes(Library.picture)
        let objective = rahf_objective_new()
        defer { rahf_objective_free(objective) }
        #expect(rahf_objective_set_score_weight(objective, Int32(RAHF_SCORE_PLAUSIBILITY), 3) == Library.ok)
        try Library.withModel { model in
            func gradient(_ normalize: Int, _ clip: Float) throws -> PixelGradient {
                #expect(rahf_objective_set_gradient_scaling(objective, Int32(normalize), clip) == Library.ok)
                return try Library.withRequest { request in
                    #expect(Library.add(request, file, "a cat", 0, objective) == Library.ok)
                    return try Library.withResult(model, request) {
                        try #require(try Self.prediction($0, 0).gradient)
                    }
                }
            }
            let plain = try gradient(RAHF_NORMALIZE_NONE, 0)
            let largest = plain.values.map(\.magnitude).max() ?? 0
            #expect(largest > 0)
            let cases: [(Int, Float, (Float) -> Float)] = [
                (RAHF_NORMALIZE_L2, 0, { $0 / plain.norm }), (RAHF_NORMALIZE_LINF, 0, { $0 / largest }),
                (RAHF_NORMALIZE_LINF, 0.25, { min(max($0 / largest, -0.25), 0.25) }),
                (RAHF_NORMALIZE_NONE, largest / 2, { min(max($0, -largest / 2), largest / 2) }),
                (RAHF_NORMALIZE_NONE, largest * 2, { $0 }),
            ]
            for (normalize, clip, expected) in cases {
                let scaled = try gradient(normalize, clip)
                #expect(scaled.values == plain.values.map(expected), "\(normalize), \(clip)")
                #expect(scaled.norm == plain.norm && scaled.objective == plain.objective)
            }
            let unit = try gradient(RAHF_NORMALIZE_L2, 0).values.reduce(0.0) { $0 + Double($1) * Double($1) }
            #expect(abs(unit - 1) < 1e-5)
            // A gradient of nothing has no direction to normalise.
            #expect(rahf_objective_set_score_weight(objective, Int32(RAHF_SCORE_PLAUSIBILITY), 0) == Library.ok)
            let nothing = try gradient(RAHF_NORMALIZE_L2, 0).values
            #expect(nothing.allSatisfy { $0 == 0 })
        }
    }

    @Test func wordSpansAreBytesOfThePrompt() throws {
        try Library.withModel { model in
            try Library.withRequest { request in
                #expect(Library.add(request, try Library.bytes(Library.picture), Self.prompt) == Library.ok)
                try Library.withResult(model, request) { result in
                    let utf8 = Array(Self.prompt.utf8)
                    let spans = (0..<rahf_result_word_count(result, 0)).map { index in
                        var (start, end) = (0, 0)
                        #expect(rahf_result_word(result, 0, index, nil, &start, &end, nil) == Library.ok)
                        return String(decoding: utf8[start..<end], as: UTF8.self)
                    }
                    #expect(spans == ["a", "réd", "cat", "on", "the", "毛布"])
                }
            }
        }
    }

    @Test func notesCarryTheirNumbers() throws {
        let file = try Library.bytes("\(Fixtures.repository)/Examples/photographs/coffee.jpg")
        try Library.withModel { model in
            try Library.withRequest { request in
                #expect(Library.add(request, file, "a cup, a spoon") == Library.ok)
                try Library.withResult(model, request) { result in
                    var notes: [String: [Double]] = [:]
                    for index in 0..<rahf_result_note_count(result, 0) {
                        var kind: UnsafePointer<CChar>?
                        var values: UnsafePointer<Double>?
                        var count = 0
                        #expect(rahf_result_note(result, 0, index, &kind, &values, &count) == Library.ok)
                        notes[String(cString: try #require(kind))] = Array(
                            UnsafeBufferPointer(start: values, count: count))
                    }
                    let expected: [String: [Double]] = [
                        "resized": [384, 256, 20, 20], "prompt_cleaned": [], "untrained_model": [],
                    ]
                    #expect(notes == expected)
                }
            }
        }
    }

    @Test func aFailedItemCostsItsNeighboursNothing() throws {
        let file = try Library.bytes(Library.picture)
        try Library.withModel { model in
            let alone = try Library.withRequest { request in
                #expect(Library.add(request, file, "a cat") == Library.ok)
                return try Library.withResult(model, request) { try Self.prediction($0, 0) }
            }
            try Library.withRequest { request in
                #expect(Library.add(request, Array(file.dropLast(40)), "a cat") == Library.ok)
                #expect(Library.add(request, file, "a cat") == Library.ok)
                #expect(Library.add(request, file, "...") == Library.ok)
                #expect(
                    rahf_request_add_encoded(request, file, file.count, "a \u{ff}", 3, 1, nil) == Library.ok)
                #expect(Library.add(request, file, String(repeating: "a ", count: 9000)) == Library.ok)
                #expect(rahf_request_count(request) == 5)
                try Library.withResult(model, request) { result in
                    #expect(rahf_result_count(result) == 5)
                    let expected = [
                        RAHF_STATUS_INVALID_IMAGE, RAHF_STATUS_OK, RAHF_STATUS_INVALID_PROMPT,
                        RAHF_STATUS_INVALID_PROMPT, RAHF_STATUS_PROMPT_TOO_LONG,
                    ]
                    for (item, status) in expected.enumerated() {
                        #expect(rahf_result_status(result, item) == rahf_status(status), "item \(item)")
                        let message = String(cString: rahf_result_message(result, item))
                        #expect(message.isEmpty == (status == RAHF_STATUS_OK))
                        if status != RAHF_STATUS_OK {
                            var scores = [Float](repeating: -7, count: 4)
                            #expect(rahf_result_scores(result, item, &scores) == rahf_status(status))
                            #expect(scores == [-7, -7, -7, -7])
                            #expect(Library.lastError == message)
                            #expect(rahf_result_note_count(result, item) == 0)
                        }
                    }
                    let beside = try Self.prediction(result, 1)
                    #expect(beside == alone)
                }
            }
        }
    }
}
